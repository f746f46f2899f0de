#include "model/heads.h"

#include <numeric>

#include "model/plan.h"
#include "tests/model/gradients.h"
#include "tests/model/tiny_bert.h"
#include "tests/support/arrays.h"

using namespace orchid;
using namespace orchid::test;
using namespace orchid::model;

namespace {

constexpr std::int64_t kSamples = 3, kLength = 6;

/// Pairs of texts of 6, 4 and 2 tokens. The padding has an id that learns, unlike 0.
Input padded_pairs(const Context& ctx) {
  Input input;
  input.ids =
      upload_i32(ctx, {2, 7, 1, 9, 3, 4, 2, 23, 7, 5, 6, 6, 2, 8, 6, 6, 6, 6}, {kSamples, kLength});
  input.segments =
      upload_i32(ctx, {0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0}, {kSamples, kLength});
  input.mask = upload(ctx, std::vector<int>{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0},
                      {kSamples, kLength}, DType::u8);
  input.rows = upload_i32(ctx, {0, 6, 12}, {kSamples});
  return input;
}

/// Of the sum of outputs times random factors.
void check_model_gradients(const BertConfig& config, const PooledHeadConfig& head) {
  Context ctx({}, DType::f64, 2);
  const std::unique_ptr<Model> model = build_model(ctx, config, 1, head);
  enlarge(*model);
  allocate_gradients(ctx, *model);
  const Input input = padded_pairs(ctx);
  const Shape shape{kSamples, head.outputs};
  const Array factors = random_array(shape.count(), 3);
  const auto loss = [&] {
    Tape tape(5, 11);
    return dot(model->forward(ctx, input, tape), factors);
  };
  Tape tape(5, 11);
  const Tensor outputs = model->forward(ctx, input, tape);
  CHECK(outputs.shape() == shape);
  model->backward(ctx, upload(ctx, factors, shape), tape);
  CHECK(tape.empty());
  check_all_gradients(*model, loss);
}

/// A head alone, its parameters by name, and what it reads.
struct Alone {
  Alone(Context& context, const PooledHeadConfig& config, std::int64_t width)
      : ctx(context), head(Init(context, 3, LinearInit::normal), config, width) {
    head.visit("", {[&](const std::string& path, Parameter& parameter) {
                      const Array noise = random_array(parameter.value.count(), path.size());
                      set_values(parameter.value, noise);
                      parameters[path] = noise;
                    },
                    nullptr});
  }
  Context& ctx;
  PooledHead head;
  std::map<std::string, Array> parameters;
};

/// y = x W^T + b of each row, in double.
Array dense(const Array& x, const Array& weight, const Array& bias) {
  const std::size_t outputs = bias.size(), inputs = weight.size() / outputs;
  Array y;
  for (std::size_t row = 0; row < x.size() / inputs; ++row)
    for (std::size_t o = 0; o < outputs; ++o) {
      double sum = bias[o];
      for (std::size_t i = 0; i < inputs; ++i) sum += x[row * inputs + i] * weight[o * inputs + i];
      y.push_back(sum);
    }
  return y;
}

/// tanh(pooler(pooled)) of x (B, L, D), in double.
Array pooled_by_formula(const Alone& alone, Pooling pooling, const Array& x, const Array& mask) {
  const std::size_t length = kLength, width = x.size() / mask.size();
  Array pooled;
  for (std::size_t b = 0; b < mask.size() / length; ++b)
    for (std::size_t d = 0; d < width; ++d) {
      double sum = 0, count = 0;
      for (std::size_t l = 0; l < length; ++l) {
        const double weight = pooling == Pooling::first ? (l == 0 ? 1 : 0) : mask[b * length + l];
        sum += weight * x[(b * length + l) * width + d];
        count += weight;
      }
      pooled.push_back(sum / count);
    }
  Array y = dense(pooled, alone.parameters.at("pooler.weight"), alone.parameters.at("pooler.bias"));
  for (double& value : y) value = std::tanh(value);
  return y;
}

}  // namespace

TEST_CASE("heads: whole-model gradients of a pooled head equal central differences",
          "[model][heads]") {
  BertConfig config = tiny_bert();
  for (const Pooling pooling : {Pooling::first, Pooling::mean}) {
    INFO("pooling " << enum_name(pooling));
    PooledHeadConfig head{3, pooling, 0.3};
    check_model_gradients(config, head);
    std::get<OrchidMixerConfig>(config.encoder.mixer).mask_padding = true;
    head.outputs = 1;
    check_model_gradients(config, head);
  }
}

TEST_CASE("heads: a pooled head is classifier(tanh(pooler(first or mean)))", "[model][heads]") {
  constexpr std::int64_t kWidth = 5;
  for_each_compute([&](Context& ctx, DType, Tolerance tolerance) {
    for (const Pooling pooling : {Pooling::first, Pooling::mean}) {
      INFO("pooling " << enum_name(pooling));
      Alone alone(ctx, {4, pooling, 0.5}, kWidth);
      const Input input = padded_pairs(ctx);
      const Array x = random_array(kSamples * kLength * kWidth, 1);
      Tape off = Tape::off();
      const Tensor y =
          alone.head.forward(ctx, upload(ctx, x, {kSamples, kLength, kWidth}), input, off);
      CHECK(y.shape() == Shape{kSamples, 4});
      const Array active = pooled_by_formula(alone, pooling, x, download(input.mask));
      check_close("outputs", y,
                  dense(active, alone.parameters.at("classifier.weight"),
                        alone.parameters.at("classifier.bias")),
                  tolerance);
    }
  });
}

TEST_CASE("heads: dropout is on what the classifier reads, in training alone", "[model][heads]") {
  constexpr std::int64_t kWidth = 16;
  Context ctx({}, DType::f64, 1);
  Alone alone(ctx, {kWidth, Pooling::mean, 0.25}, kWidth);
  // A classifier that passes on what it reads.
  alone.head.visit("", {[&](const std::string& path, Parameter& parameter) {
                          if (!path.starts_with("classifier")) return;
                          Array values(static_cast<std::size_t>(parameter.value.count()));
                          if (path.ends_with("weight"))
                            for (std::size_t i = 0; i < values.size(); i += kWidth + 1)
                              values[i] = 1;
                          set_values(parameter.value, values);
                        },
                        nullptr});
  const Input input = padded_pairs(ctx);
  const Array x = random_array(kSamples * kLength * kWidth, 1);
  const Array active = pooled_by_formula(alone, Pooling::mean, x, download(input.mask));
  const Tensor values = upload(ctx, x, {kSamples, kLength, kWidth});
  Tape off = Tape::off();
  check_close("without", alone.head.forward(ctx, values, input, off), active, kF64);
  Tape tape(5, 11);
  const Array dropped = download(alone.head.forward(ctx, values, input, tape));
  Array expected = active;
  std::size_t zeros = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    expected[i] = dropped[i] == 0 ? 0 : active[i] / 0.75;
    zeros += dropped[i] == 0;
  }
  check_close("kept values, scaled", dropped, expected, kF64);
  // 48 draws of probability 0.25: 12 with a deviation of 3.
  CHECK(zeros > 0);
  CHECK(zeros < 27);
}

TEST_CASE("heads: models of GLUE have the parameter counts of the specification",
          "[model][heads]") {
  const auto count = [](const BertConfig& config, std::int64_t outputs) {
    const HeadConfig head = PooledHeadConfig{outputs, Pooling::first, 0.1};
    return plan_model(config, 1, 128, 1, {.head = head}).parameters;
  };
  BertConfig config;
  // The masked language model less its head of 622,656, and D^2 + D + C D + C.
  CHECK(count(config, 2) == 77'177'090);
  CHECK(count(config, 3) == 77'177'090 + 769);
  CHECK(count(config, 1) == 77'177'090 - 769);
  config.encoder.width = 1536;
  CHECK(count(config, 2) == 253'825'344 - 2'394'432 + 1536 * 1536 + 1536 + 2 * 1536 + 2);
}

TEST_CASE("heads: pooler and classifier start like the other dense layers", "[model][heads]") {
  Context ctx;
  BertConfig config = tiny_bert();
  config.encoder.width = 64;
  std::map<std::string, Array> values;
  build_model(ctx, config, 1, PooledHeadConfig{64, Pooling::first, 0.1})
      ->visit("", {[&](const std::string& path, Parameter& parameter) {
                     if (path.starts_with("head.")) values[path] = download(parameter.value);
                   },
                   nullptr});
  REQUIRE(values.size() == 4);
  for (const std::string layer : {"head.pooler", "head.classifier"}) {
    INFO(layer);
    const Array weight = values.at(layer + ".weight");
    CHECK(std::sqrt(std::inner_product(weight.begin(), weight.end(), weight.begin(), 0.0) / 4096) ==
          Approx(0.02).epsilon(0.05));
    CHECK(values.at(layer + ".bias") == Array(64, 0.0));
  }
}
