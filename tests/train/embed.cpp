#include "train/embed.h"

#include "tests/support/catch.h"
#include "tests/support/op_check.h"
#include "tests/train/tiny_glue.h"

using namespace orchid;
using namespace orchid::train;
using orchid::test::require_error;
using orchid::test::TinyGlue;

namespace {

std::vector<data::TextExample> texts_of(const std::vector<std::string>& texts) {
  std::vector<data::TextExample> examples;
  for (const std::string& text : texts) examples.push_back({.first = text, .second = "", .id = {}});
  return examples;
}

/// The mean state of [CLS] pieces [SEP], from the model itself, in double.
std::vector<double> mean_state(Assembly& parts, const std::string& text) {
  const data::Vocabulary vocabulary = vocabulary_of(parts.data.vocabulary, "vocab.txt");
  std::vector<std::int32_t> ids = data::WordPiece(vocabulary).encode(text);
  ids.insert(ids.begin(), vocabulary.cls());
  ids.push_back(vocabulary.separator());
  const std::int64_t used = std::ssize(ids), length = parts.length();
  const auto host = make_host_pool();
  model::Input input{.ids = Tensor::empty({1, length}, DType::i32, host),
                     .segments = {},
                     .mask = Tensor::empty({1, length}, DType::u8, host),
                     .rows = {}};
  for (std::int64_t i = 0; i < length; ++i) {
    input.ids.data<std::int32_t>()[i] =
        i < used ? ids[static_cast<std::size_t>(i)] : vocabulary.pad();
    input.mask.data<std::uint8_t>()[i] = i < used ? 1 : 0;
  }
  const Tensor states = parts.model->states(parts.ctx, input);
  const std::int64_t width = states.shape().last();
  std::vector<double> mean(static_cast<std::size_t>(width));
  for (std::int64_t i = 0; i < used * width; ++i)
    mean[static_cast<std::size_t>(i % width)] +=
        static_cast<double>(states.data<float>()[i]) / static_cast<double>(used);
  return mean;
}

}  // namespace

TEST_CASE("embed: a text's vector is the mean of its states, whatever is asked with it",
          "[train][embed]") {
  const TinyGlue glue;
  glue.write("cola", 20);
  test::train_until(glue.config("cola"), glue.path() / "run", 4);
  const auto parts =
      load_checkpoint(find_checkpoint(glue.path() / "run"), AssembleFor::model_alone, {});
  parts->config.batch.per_device = 2;  // the last of them alone
  const std::vector<std::string> texts = {"the cat", "the dog sat on the mat", "the cat"};
  const auto vectors = embed(*parts, texts_of(texts));
  REQUIRE(vectors.size() == 3);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::vector<double> expected = mean_state(*parts, texts[i]);
    REQUIRE(vectors[i].size() == expected.size());
    for (std::size_t d = 0; d < expected.size(); ++d)
      CHECK(vectors[i][d] == Approx(expected[d]).epsilon(1e-5).margin(1e-6));
  }
  CHECK(vectors[0] != vectors[1]);
}

TEST_CASE("embed: a model of pictures has no vectors of texts", "[train][embed]") {
  Assembly parts{{}, Context({}, DType::f32, 1)};
  parts.config.data = data::ImageDataOptions{};
  require_error([&] { embed(parts, texts_of({"a"})); }, "embed: expected a model of texts");
  model::VitConfig vit;
  vit.encoder.width = 8;
  vit.encoder.layers = 1;
  const auto network =
      model::build_model(parts.ctx, vit, 0, model::ClassifierHeadConfig{.outputs = 2});
  require_error([&] { network->states(parts.ctx, {}); }, "states: expected a network of texts");
}
