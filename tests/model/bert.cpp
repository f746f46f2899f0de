#include "model/bert.h"

#include "kernels/ops/cross_entropy.h"
#include "model/plan.h"
#include "tests/model/gradients.h"
#include "tests/model/tiny_bert.h"

using namespace orchid;
using namespace orchid::test;
using namespace orchid::model;

namespace {

struct Example {
  explicit Example(Context& ctx) {
    input.ids = upload_i32(ctx, {2, 7, 1, 9, 3, 4, 2, 23, 7, 7, 3, 4}, {2, 6});
    input.segments = upload_i32(ctx, {0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0}, {2, 6});
    input.rows = upload_i32(ctx, {1, 3, 8}, {3});
    targets = upload_i32(ctx, {5, 9, 23}, {3});
  }
  Input input;
  Tensor targets;
};

double loss(Context& ctx, const Model& model, const Example& example, Tape& tape,
            Tensor* dlogits = nullptr) {
  const Tensor logits = model.forward(ctx, example.input, tape);
  Tensor each = ctx.empty({3}, DType::f64), correct = ctx.empty({3}, DType::i32);
  Tensor gradient = ctx.empty(logits.shape());
  run(ctx, ops::CrossEntropy{.logits = logits,
                             .targets = example.targets,
                             .loss = each,
                             .correct = correct,
                             .dlogits = gradient});
  if (dlogits) *dlogits = gradient;
  double sum = 0;
  for (const double value : download(each)) sum += value;
  return sum;
}

void check_model_gradients(const BertConfig& config) {
  Context ctx({}, DType::f64, 2);
  const std::unique_ptr<Model> model = build_model(ctx, config, 1);
  enlarge(*model);
  allocate_gradients(ctx, *model);
  const Example example(ctx);
  Tape tape(5, 11);
  Tensor dlogits;
  loss(ctx, *model, example, tape, &dlogits);
  model->backward(ctx, dlogits, tape);
  CHECK(tape.empty());
  check_all_gradients(*model, [&] {
    Tape again(5, 11);
    return loss(ctx, *model, example, again);
  });
}

}  // namespace

TEST_CASE("bert: whole-model gradients equal central differences", "[model][bert]") {
  BertConfig config = tiny_bert();
  SECTION("the Orchid-BERT layer") {}
  SECTION("without dropout, plain dense MLP, no positions") {
    config.dropout = config.encoder.dropout = 0;
    config.encoder.mlp = {false, 3, 1, true};
    config.positions = Positions::none;
  }
  SECTION("pre-norm blocks") {
    config.encoder.norm = BlockNorm::pre;
  }
  SECTION("post-norm blocks with the mixer's residual") {
    config.encoder.mixer_residual = true;
  }
  SECTION("correlation kernels, Fourier") {
    auto& mixer = std::get<OrchidMixerConfig>(config.encoder.mixer);
    mixer.kernel = Kernel::correlation;
    mixer.transform = ops::TransformKind::fft_ortho;
  }
  check_model_gradients(config);
}

TEST_CASE("bert: published sizes have the published parameter counts", "[model][bert]") {
  BertConfig config;
  auto& mixer = std::get<OrchidMixerConfig>(config.encoder.mixer);
  CHECK(plan_model(config, 1, 128, 19).parameters == 77'207'616);
  mixer.kernel = Kernel::correlation;
  CHECK(plan_model(config, 1, 128, 19).parameters == 77'262'912);
  config.encoder.width = 1536;
  CHECK(plan_model(config, 1, 128, 19).parameters == 253'935'936);
  mixer.kernel = Kernel::phase;
  CHECK(plan_model(config, 1, 128, 19).parameters == 253'825'344);
}

TEST_CASE("bert: the plan counts the work of the products", "[model][bert]") {
  const BertConfig config = tiny_bert();
  const Plan plan = plan_model(config, 2, 6, 3);
  // Products alone, per token: projections 3 D^2 + D^2, MLP 2 D (2 I) / b + 2 I D / b.
  const double tokens = 12, width = 8, hidden = 16, blocks = 2;
  const double layer = 2 * tokens * (4 * width * width + 3 * hidden * width / blocks);
  const double head = 2 * 3 * (width * width + width * 24);
  CHECK(plan.forward_flops > 2 * layer + head);
  CHECK(plan.backward_flops > 2 * (2 * layer + head));
  CHECK(plan.activation_bytes > 12 * 8 * 4 * 10);
}

TEST_CASE("bert: parts of equal name start alike whatever surrounds them", "[model][bert]") {
  Context ctx;
  BertConfig config = tiny_bert();
  const auto values = [&](const BertConfig& c) {
    std::map<std::string, Array> all;
    build_model(ctx, c, 42)
        ->visit("", {[&](const std::string& path, Parameter& parameter) {
                       all[path] = download(parameter.value);
                     },
                     nullptr});
    return all;
  };
  const auto two = values(config);
  config.encoder.layers = 3;
  const auto three = values(config);
  for (const auto& [path, value] : two) {
    INFO(path);
    CHECK(three.at(path) == value);
  }
  CHECK(two.at("encoder.layers.0.mixer.in_linear.weight") !=
        two.at("encoder.layers.1.mixer.in_linear.weight"));
}

TEST_CASE("bert: the first loss at base size is that of guessing", "[model][bert]") {
  // Logits of a row are N(0, D 0.02^2) over the vocabulary: |LN(.)|^2 = D, table N(0, 0.02). So the
  // expected loss is not ln V but ln V + D 0.02^2 / 2.
  Context ctx({}, DType::f32, 2);
  const BertConfig config;
  const std::unique_ptr<Model> model = build_model(ctx, config, 17);
  constexpr std::int32_t kTargets = 128;
  std::vector<std::int32_t> ids, rows, targets;
  const Philox philox(1, RandomPurpose::test);
  for (std::int32_t i = 0; i < kTargets; ++i) {
    const auto words = philox.words(0, static_cast<std::uint64_t>(i));
    ids.push_back(static_cast<std::int32_t>(Philox::below(30522, words[0])));
    targets.push_back(static_cast<std::int32_t>(Philox::below(30522, words[1])));
    rows.push_back(i);
  }
  Input input;
  input.ids = upload_i32(ctx, ids, {1, kTargets});
  input.rows = upload_i32(ctx, rows, {kTargets});
  Tape off = Tape::off();
  const Tensor logits = model->forward(ctx, input, off);
  Tensor each = ctx.empty({kTargets}, DType::f64), correct = ctx.empty({kTargets}, DType::i32);
  run(ctx, ops::CrossEntropy{.logits = logits,
                             .targets = upload_i32(ctx, targets, {kTargets}),
                             .loss = each,
                             .correct = correct,
                             .dlogits = {}});
  double mean = 0;
  for (const double value : download(each)) mean += value / kTargets;
  const double guessing = std::log(30528.0), spread = 768 * 0.02 * 0.02 / 2;
  INFO("mean loss " << mean << ", ln V " << guessing << ", with the logits' spread "
                    << guessing + spread);
  // 128 targets: the mean of their logits has a deviation of 0.55 / sqrt(128) = 0.05.
  CHECK(std::abs(mean - (guessing + spread)) < 0.15);
}

TEST_CASE("bert: weights start with the deviations of the recipe", "[model][bert]") {
  Context ctx;
  BertConfig config = tiny_bert();
  config.vocabulary = 4096;
  config.encoder.width = 64;
  const auto deviation = [](const Array& values) {
    double sum = 0;
    for (const double value : values) sum += value * value;
    return std::sqrt(sum / static_cast<double>(values.size()));
  };
  build_model(ctx, config, 1)
      ->visit("", {[&](const std::string& path, Parameter& parameter) {
                     const Array values = download(parameter.value);
                     INFO(path);
                     if (path == "embeddings.tokens" || path.ends_with("in_linear.weight"))
                       CHECK(deviation(values) == Approx(0.02).epsilon(0.02));
                     if (path.ends_with("linear.bias")) CHECK(deviation(values) == 0);
                     if (path.ends_with("conv1d_short.weight"))
                       CHECK(deviation(values) == Approx(1.0 / 3).epsilon(0.1));
                     if (path.ends_with("fixed_conv.bias"))
                       CHECK(deviation(values) == Approx(1).epsilon(0.35));
                     if (path.ends_with("mlp.input.weight"))
                       CHECK(deviation(values) == Approx(1 / std::sqrt(32 * 3.0)).epsilon(0.05));
                     if (path.ends_with("freq")) CHECK(values[0] == 10);
                   },
                   nullptr});
}

TEST_CASE("bert: the padding row of the token table learns from the head alone", "[model][bert]") {
  // Row 5 gets the values of row 0 (padding) and takes its place among the ids: the same
  // network, whose row 0 has the head's share alone (checked by differences above).
  const BertConfig config = tiny_bert();
  const auto gradient_of_row_0 = [&](std::int32_t id) {
    Context ctx({}, DType::f64, 1);
    const std::unique_ptr<Model> model = build_model(ctx, config, 1);
    enlarge(*model);
    allocate_gradients(ctx, *model);
    Array row;
    const std::int64_t width = config.encoder.width;
    const auto with_table = [&](auto body) {
      model->visit("", {[&](const std::string& path, Parameter& parameter) {
                          if (path == "embeddings.tokens") body(parameter);
                        },
                        nullptr});
    };
    with_table([&](Parameter& table) {
      double* values = table.value.data<double>();
      std::copy_n(values, width, values + 5 * width);
    });
    Example example(ctx);
    example.input.ids = upload_i32(ctx, {2, 7, 1, 9, 3, id, 2, 23, 7, 7, 3, id}, {2, 6});
    Tape tape(5, 11);
    Tensor dlogits;
    loss(ctx, *model, example, tape, &dlogits);
    model->backward(ctx, dlogits, tape);
    with_table([&](Parameter& table) {
      const Array all = download(table.grad);
      row.assign(all.begin(), all.begin() + width);
    });
    return row;
  };
  const Array padding = gradient_of_row_0(0);
  check_close("row 0", padding, gradient_of_row_0(5), kF64);
  CHECK(*std::max_element(padding.begin(), padding.end()) > 0);
}

TEST_CASE("bert: spectra made again in backward give the bits of spectra kept", "[model][bert]") {
  const auto gradients = [](Recompute recompute, Kernel kernel) {
    BertConfig config = tiny_bert();
    auto& mixer = std::get<OrchidMixerConfig>(config.encoder.mixer);
    mixer.recompute = recompute;
    mixer.kernel = kernel;
    Context ctx({}, DType::f32, 1);
    const std::unique_ptr<Model> model = build_model(ctx, config, 1);
    allocate_gradients(ctx, *model);
    const Example example(ctx);
    Tape tape(5, 11);
    Tensor dlogits;
    loss(ctx, *model, example, tape, &dlogits);
    model->backward(ctx, dlogits, tape);
    std::map<std::string, Array> all;
    model->visit("", {[&](const std::string& path, Parameter& parameter) {
                        all[path] = download(parameter.grad);
                      },
                      nullptr});
    return all;
  };
  for (const Kernel kernel : {Kernel::phase, Kernel::correlation})
    CHECK(gradients(Recompute::always, kernel) == gradients(Recompute::never, kernel));
}
