#include "model/mixers/attention.h"

#include "model/plan.h"
#include "tests/model/gradients.h"
#include "tests/model/tiny_bert.h"
#include "tests/reference/attention.h"
#include "tests/support/arrays.h"

using namespace orchid;
using namespace orchid::test;
using namespace orchid::model;

namespace {

/// The tiny BERT with the layer of BERT: attention, norms after the sums, a dense MLP.
BertConfig tiny_attention() {
  BertConfig config = tiny_bert();
  config.encoder.mixer = AttentionMixerConfig{.heads = 2};
  config.encoder.mlp = {false, 2, 1, true};
  config.encoder.mixer_residual = true;
  return config;
}

/// Pairs of texts of 6, 4 and 1 tokens. The padding has an id that learns, unlike 0.
Input padded_pairs(const Context& ctx) {
  Input input;
  input.ids = upload_i32(ctx, {2, 7, 1, 9, 3, 4, 2, 23, 7, 5, 6, 6, 2, 6, 6, 6, 6, 6}, {3, 6});
  input.segments = upload_i32(ctx, {0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0}, {3, 6});
  input.mask = upload(ctx, std::vector<int>{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0},
                      {3, 6}, DType::u8);
  input.rows = upload_i32(ctx, {1, 3, 8, 12}, {4});
  return input;
}

/// Of the sum of logits times random factors.
void check_model_gradients(const BertConfig& config, bool padded) {
  Context ctx({}, DType::f64, 2);
  const std::unique_ptr<Model> model = build_model(ctx, config, 1);
  enlarge(*model);
  allocate_gradients(ctx, *model);
  Input input = padded_pairs(ctx);
  if (!padded) input.mask = {};
  const Shape shape{4, config.vocabulary};
  const Array factors = random_array(shape.count(), 3);
  Tape tape(5, 11);
  model->forward(ctx, input, tape);
  model->backward(ctx, upload(ctx, factors, shape), tape);
  CHECK(tape.empty());
  check_all_gradients(*model, [&] {
    Tape again(5, 11);
    return dot(model->forward(ctx, input, again), factors);
  });
}

/// A mixer alone, and its parameters by name.
struct Alone {
  Alone(Context& context, const AttentionMixerConfig& config, std::int64_t width)
      : ctx(context), mixer(Init(context, 3, LinearInit::uniform), config, width) {
    mixer.visit("", {[&](const std::string& path, Parameter& parameter) {
                       parameters[path] = download(parameter.value);
                     },
                     nullptr});
  }
  Array operator()(const Array& x, const Shape& shape, const Tensor& mask) const {
    Tape off = Tape::off();
    return download(mixer.forward(ctx, upload(ctx, x, shape), mask, off));
  }

  Context& ctx;
  AttentionMixer mixer;
  std::map<std::string, Array> parameters;
};

/// y = x W^T + b of each row, in double; without b where it is empty.
Array dense(const Array& x, const Array& weight, const Array& bias, std::size_t inputs) {
  const std::size_t outputs = weight.size() / inputs;
  Array y;
  for (std::size_t row = 0; row < x.size() / inputs; ++row)
    for (std::size_t o = 0; o < outputs; ++o) {
      double sum = bias.empty() ? 0 : bias[o];
      for (std::size_t i = 0; i < inputs; ++i) sum += x[row * inputs + i] * weight[o * inputs + i];
      y.push_back(sum);
    }
  return y;
}

}  // namespace

TEST_CASE("attention mixer: whole-model gradients equal central differences",
          "[model][attention]") {
  BertConfig config = tiny_attention();
  bool padded = true;
  SECTION("the BERT layer, padding masked out") {}
  SECTION("no padding, dropout of what joins the residual stream") {
    padded = false;
    config.encoder.dropout = 0;
    config.encoder.residual_dropout = 0.4;
  }
  SECTION("pre-norm blocks, no bias of queries, keys and values, dropout everywhere") {
    config.encoder.mixer = AttentionMixerConfig{.heads = 4, .qkv_bias = false};
    config.encoder.norm = BlockNorm::pre;
    config.encoder.mixer_residual = false;
    config.encoder.residual_dropout = 0.3;
  }
  SECTION("one head in the M2 layer") {
    config.encoder.mixer = AttentionMixerConfig{.heads = 1};
    config.encoder.mixer_residual = false;
    config.encoder.mlp = {true, 2, 2, false};
  }
  check_model_gradients(config, padded);
}

TEST_CASE("attention mixer: an Orchid layer can drop what joins the residual stream",
          "[model][attention]") {
  BertConfig config = tiny_bert();
  config.encoder.residual_dropout = 0.3;
  check_model_gradients(config, false);
}

TEST_CASE("attention mixer: it is attention between two linear layers", "[model][attention]") {
  constexpr std::int64_t kWidth = 6, kLength = 7;
  const Shape shape{2, kLength, kWidth};
  const Array x = random_array(shape.count(), 1);
  Array mask(14, 1.0);
  mask[5] = mask[9] = mask[13] = 0;
  for_each_compute([&](Context& ctx, DType, Tolerance tolerance) {
    for (const bool bias : {true, false}) {
      const Alone alone(ctx, {.heads = 3, .qkv_bias = bias}, kWidth);
      CHECK(alone.parameters.size() == (bias ? 4 : 3));
      const reference::Attention attention{kLength, kWidth, 3, mask};
      const Array qkv = dense(x, alone.parameters.at("qkv.weight"),
                              bias ? alone.parameters.at("qkv.bias") : Array{}, kWidth);
      const Array y = dense(attention(qkv), alone.parameters.at("out.weight"),
                            alone.parameters.at("out.bias"), kWidth);
      check_close("y", alone(x, shape, upload(ctx, mask, {2, kLength}, DType::u8)), y, tolerance);
    }
  });
}

TEST_CASE("attention mixer: a text's answers are those of the text without its padding",
          "[model][attention]") {
  Context ctx({}, DType::f64, 1);
  const std::unique_ptr<Model> model = build_model(ctx, tiny_attention(), 1);
  enlarge(*model);
  Tape off = Tape::off();
  Input input = padded_pairs(ctx);
  input.rows = upload_i32(ctx, {6, 7, 8, 9}, {4});
  const Array padded = download(model->forward(ctx, input, off));
  Input alone;
  alone.ids = upload_i32(ctx, {2, 23, 7, 5}, {1, 4});
  alone.segments = upload_i32(ctx, {0, 0, 1, 1}, {1, 4});
  alone.rows = upload_i32(ctx, {0, 1, 2, 3}, {4});
  check_close("logits", padded, download(model->forward(ctx, alone, off)), kF64);
  input.mask = {};
  CHECK(download(model->forward(ctx, input, off)) != padded);
}

TEST_CASE("attention mixer: BERT-base has the published parameter count", "[model][attention]") {
  // BERT-base with a pooler, from the shapes of its layers:
  const std::int64_t D = 768, I = 4 * D, V = 30522;
  const std::int64_t embeddings = (V + 512 + 2) * D + 2 * D;
  const std::int64_t layer = 4 * (D * D + D) + 2 * 2 * D + (D * I + I) + (I * D + D);
  const std::int64_t pooler = D * D + D;
  CHECK(embeddings + 12 * layer + pooler == 109'482'240);

  BertConfig config;
  config.vocabulary = V;
  config.length = 512;
  config.encoder.mixer = AttentionMixerConfig{};
  config.encoder.mixer_residual = true;
  config.encoder.mlp = {false, 4, 1, true};
  const auto parameters = [&](const HeadConfig& head) {
    return plan_model(config, 1, 128, 1, {.head = head}).parameters;
  };
  const std::int64_t classifier = 2 * D + 2;
  CHECK(parameters(PooledHeadConfig{}) == 109'482'240 + classifier);
  // The head of pretraining: dense, norm, and a bias a piece, in place of the pooler; six rows more
  // in the table, which makes their number a multiple of 8.
  config.vocabulary = 30528;
  CHECK(parameters(MlmHeadConfig{}) == 109'482'240 - pooler + (D * D + D + 2 * D + 30528) + 6 * D);
  config.encoder.mixer = AttentionMixerConfig{.qkv_bias = false};
  CHECK(parameters(MlmHeadConfig{}) == 109'518'912 - 12 * 3 * D);
}

TEST_CASE("attention mixer: the plan counts its products", "[model][attention]") {
  const Plan plan = plan_model(tiny_attention(), 2, 6, 3);
  const double tokens = 12, width = 8, hidden = 16, length = 6;
  const double layer = 2 * tokens * (4 * width * width + 2 * hidden * width);
  const double scores = 2 * 2 * tokens * length * width;
  const double head = 2 * 3 * (width * width + width * 24);
  CHECK(plan.forward_flops == 2 * (layer + scores) + head);
  CHECK(plan.backward_flops == 2 * (2 * layer + 2.5 * scores) + 2 * head);
}

TEST_CASE("attention mixer: its weights, and those of a dense MLP, start as BERT's",
          "[model][attention]") {
  Context ctx;
  BertConfig config = tiny_attention();
  config.encoder.width = 64;
  int weights = 0, biases = 0;
  build_model(ctx, config, 1)
      ->visit("", {[&](const std::string& path, Parameter& parameter) {
                     if (!path.starts_with("encoder.layers") || path.find("norm") != path.npos)
                       return;
                     INFO(path);
                     double squares = 0;
                     for (const double value : download(parameter.value)) squares += value * value;
                     const double deviation =
                         std::sqrt(squares / static_cast<double>(parameter.value.count()));
                     if (path.ends_with("weight") && ++weights)
                       CHECK(deviation == Approx(0.02).epsilon(0.05));
                     if (path.ends_with("bias") && ++biases) CHECK(deviation == 0);
                   },
                   nullptr});
  CHECK((weights == 8 && biases == 8));
}

TEST_CASE("attention mixer: dropout of the residual stream is off unless asked for",
          "[model][attention]") {
  Context ctx({}, DType::f64, 1);
  BertConfig config = tiny_attention();
  config.dropout = config.encoder.dropout = 0;
  const auto logits = [&](bool training) {
    const std::unique_ptr<Model> model = build_model(ctx, config, 1);
    Tape tape = training ? Tape(5, 11) : Tape::off();
    return download(model->forward(ctx, padded_pairs(ctx), tape));
  };
  const Array without = logits(true);
  CHECK(logits(false) == without);
  config.encoder.residual_dropout = 0.5;
  CHECK(logits(false) == without);
  CHECK(logits(true) != without);
}

TEST_CASE("attention mixer: heads that do not divide the width are refused",
          "[model][attention][config]") {
  BertConfig config = tiny_attention();
  for (const std::int64_t heads : {0, 3, 16}) {
    config.encoder.mixer = AttentionMixerConfig{.heads = heads};
    require_error([&] { validate(ModelConfig{config}); },
                  str("model: encoder: mixer: heads: expected a divisor of width 8, got ", heads));
  }
  config = tiny_attention();
  config.encoder.residual_dropout = 1;
  require_error([&] { validate(ModelConfig{config}); },
                "model: encoder: residual_dropout: expected a rate in [0, 1), got 1");
}
