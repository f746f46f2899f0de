// The parts of a ViT, each against its formula.

#include "model/vit.h"
#include "tests/model/tiny_vit.h"
#include "tests/support/arrays.h"

using namespace orchid;
using namespace orchid::test;
using namespace orchid::model;

namespace {

/// Parameters and buffers by name.
template <class Visitable>
std::map<std::string, Array> values_by_name(Visitable& model) {
  std::map<std::string, Array> values;
  model.visit("", {[&](const std::string& path, Parameter& parameter) {
                     values[path] = download(parameter.value);
                   },
                   [&](const std::string& path, Tensor& buffer) {
                     values["buffer " + path] = download(buffer);
                   }});
  return values;
}

}  // namespace

TEST_CASE("vit: what the encoder reads is patches, the token before them, and positions",
          "[model][vit]") {
  VitConfig config = tiny_vit();
  const auto positions =
      GENERATE(PatchPositions::learned, PatchPositions::sinusoidal, PatchPositions::none);
  config.positions = positions;
  config.class_token = GENERATE(false, true);
  Context ctx({}, DType::f64, 1);
  PatchEmbeddings embeddings(Init(ctx, 3, LinearInit::normal), config);
  const std::map<std::string, Array> values = values_by_name(embeddings);
  const Input input = random_pictures(ctx, config, 2);
  const Array pixels = download(input.images);
  const auto pixel = [&](std::int64_t b, std::int64_t row, std::int64_t column, std::int64_t c) {
    return pixels[static_cast<std::size_t>(((b * 6 + row) * 6 + column) * 2 + c)];
  };
  const std::int64_t D = 8, first = config.class_token, L = 9 + first;
  const auto position = [&](std::int64_t l, std::int64_t j) {
    if (positions == PatchPositions::none) return 0.0;
    if (positions == PatchPositions::learned)
      return values.at("positions")[static_cast<std::size_t>(l * D + j)];
    const double angle = static_cast<double>(l) / std::pow(10000, 2 * std::floor(j / 2) / D);
    return j % 2 == 1 ? std::cos(angle) : std::sin(angle);
  };
  Array expected;
  for (std::int64_t b = 0; b < 2; ++b)
    for (std::int64_t l = 0; l < L; ++l)
      for (std::int64_t j = 0; j < D; ++j) {
        double sum = position(l, j);
        if (l < first) {
          sum += values.at("class_token")[static_cast<std::size_t>(j)];
        } else {
          sum += values.at("bias")[static_cast<std::size_t>(j)];
          std::size_t weight = static_cast<std::size_t>(j) * 8;
          for (std::int64_t r = 0; r < 2; ++r)
            for (std::int64_t s = 0; s < 2; ++s)
              for (std::int64_t c = 0; c < 2; ++c)
                sum += values.at("weight")[weight++] *
                       pixel(b, (l - first) / 3 * 2 + r, (l - first) % 3 * 2 + s, c);
        }
        expected.push_back(sum);
      }
  Tape off = Tape::off();
  const Tensor x = embeddings.forward(ctx, input.images, off);
  CHECK(x.shape() == Shape{2, L, D});
  check_close("x", x, expected, kF64);
  CHECK(values.count("buffer positions") == (positions == PatchPositions::sinusoidal));
  CHECK(values.count("positions") == (positions == PatchPositions::learned));
}

TEST_CASE("vit: the head is a linear layer of the class token or of the mean", "[model][vit]") {
  const auto pooling = GENERATE(Pooling::first, Pooling::mean);
  constexpr std::int64_t kBatch = 2, kLength = 4, kWidth = 5, kClasses = 3;
  for_each_compute([&](Context& ctx, DType, Tolerance tolerance) {
    ClassifierHead head(Init(ctx, 3, LinearInit::uniform), {kClasses}, kWidth, pooling);
    const std::map<std::string, Array> values = values_by_name(head);
    const Array x = random_array(kBatch * kLength * kWidth, 1);
    Array expected;
    for (std::size_t b = 0; b < kBatch; ++b)
      for (std::size_t k = 0; k < kClasses; ++k) {
        double sum = values.at("bias")[k];
        for (std::size_t c = 0; c < kWidth; ++c) {
          double read = 0;
          for (std::size_t l = 0; l < (pooling == Pooling::first ? 1 : kLength); ++l)
            read += x[(b * kLength + l) * kWidth + c];
          if (pooling == Pooling::mean) read /= kLength;
          sum += read * values.at("weight")[k * kWidth + c];
        }
        expected.push_back(sum);
      }
    Tape off = Tape::off();
    const Tensor y = head.forward(ctx, upload(ctx, x, {kBatch, kLength, kWidth}), {}, off);
    CHECK(y.shape() == Shape{kBatch, kClasses});
    check_close("logits", y, expected, tolerance);
  });
}

TEST_CASE("vit: stochastic depth grows evenly from block to block", "[model][vit]") {
  EncoderConfig config = vit_encoder();
  config.drop_path = 0.1;
  for (std::int64_t i = 0; i < 12; ++i)
    CHECK(drop_path_rate(config, i) == Approx(0.1 * static_cast<double>(i) / 11));
  CHECK(drop_path_rate(config, 0) == 0);
  CHECK(drop_path_rate(config, 11) == 0.1);
  config.layers = 1;
  CHECK(drop_path_rate(config, 0) == 0);
}

TEST_CASE("vit: the two parts of a block draw apart, each sample as a whole", "[model][vit]") {
  Context ctx({}, DType::f64, 2);
  const Init init(ctx, 3, LinearInit::normal);
  constexpr std::int64_t kBatch = 4000, kEach = 6;
  const Shape shape{kBatch, 3, 2};
  DropPath first(init, 0.25), second(init, 0.25);
  const Tensor ones = filled(ctx, shape, 1), residual = filled(ctx, shape, 5);
  const auto kept = [&](DropPath& path, std::uint64_t step) {
    Tape tape(5, step);
    const Array y = download(path.forward(ctx, residual, ones, tape));
    const Array dx = download(path.backward(ctx, ones, tape));
    Array samples;
    for (std::size_t b = 0; b < kBatch; ++b) {
      samples.push_back(dx[b * kEach] != 0);
      const double scale = samples.back() / 0.75;
      for (std::size_t i = b * kEach; i < (b + 1) * kEach; ++i)
        if (y[i] != 5 + scale || dx[i] != scale)
          FAIL("sample " << b << ": " << y[i] << ", " << dx[i]);
    }
    return samples;
  };
  const Array a = kept(first, 1), b = kept(second, 1), c = kept(first, 2);
  const auto share = [](const Array& samples) {
    return std::accumulate(samples.begin(), samples.end(), 0.0) / kBatch;
  };
  Array both(kBatch);
  std::transform(a.begin(), a.end(), b.begin(), both.begin(), std::multiplies<>());
  // Deviations of a share of 4000: 0.007.
  CHECK(std::abs(share(a) - 0.75) < 0.03);
  CHECK(std::abs(share(b) - 0.75) < 0.03);
  CHECK(std::abs(share(both) - 0.75 * 0.75) < 0.03);
  CHECK(a != c);
  Tape off = Tape::off();
  check_equal("evaluation", download(first.forward(ctx, residual, ones, off)),
              Array(kBatch * kEach, 6.0));
}

TEST_CASE("vit: initial values follow the recipe", "[model][vit]") {
  VitConfig config = tiny_vit();
  config.image_size = 32;
  config.class_token = true;
  config.encoder.width = 64;
  std::get<OrchidMixerConfig>(config.encoder.mixer).table_length = 1024;
  Context ctx;
  const std::unique_ptr<Model> model = build_vit(ctx, config, 100);
  const std::map<std::string, Array> values = values_by_name(*model);
  const auto deviation = [&](const std::string& name) {
    const Array& all = values.at(name);
    return std::sqrt(std::inner_product(all.begin(), all.end(), all.begin(), 0.0) /
                     static_cast<double>(all.size()));
  };
  const auto largest = [&](const std::string& name) {
    double most = 0;
    for (const double value : values.at(name)) most = std::max(most, std::abs(value));
    return most;
  };
  const std::string layer = "encoder.layers.1.", mixer = layer + "mixer.";
  for (const std::string& name :
       {std::string("embeddings.positions"), std::string("head.weight"), mixer + "in_linear.weight",
        mixer + "out_linear.weight", mixer + "fixed_conv.implicit_filter.4.weight"}) {
    INFO(name);
    CHECK(deviation(name) == Approx(0.02).epsilon(0.15));
    CHECK(largest(name) > 0.04);  // a normal one, not a uniform one
  }
  CHECK(deviation("embeddings.class_token") == Approx(0.02).epsilon(0.3));
  for (const std::string& name :
       {std::string("head.bias"), mixer + "in_linear.bias", layer + "mlp_norm.bias",
        mixer + "fixed_conv_res.implicit_filter.0.bias"})
    CHECK(largest(name) == 0);
  // Uniform ones, by the inputs of an output: a patch's 2 2 2 numbers; a block's, of 2 blocks.
  const auto uniform = [&](const std::string& name, double bound, double margin) {
    INFO(name);
    CHECK(largest(name) <= bound);
    CHECK(deviation(name) == Approx(bound / std::sqrt(3)).epsilon(margin));
  };
  uniform("embeddings.weight", 1 / std::sqrt(8.0), 0.1);
  uniform("embeddings.bias", 1 / std::sqrt(8.0), 0.3);
  uniform(layer + "mlp.input.weight", 1 / std::sqrt(64.0 / 2), 0.05);
  uniform(layer + "mlp.input.bias", 1 / std::sqrt(128.0), 0.2);
  uniform(layer + "mlp.output.weight", 1 / std::sqrt(128.0 / 2), 0.05);
  uniform(layer + "mlp.output.bias", 1 / std::sqrt(64.0), 0.3);
}
