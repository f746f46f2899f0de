#include "train/optim/optimizer.h"

#include <cmath>

#include "kernels/ops/adamw.h"
#include "tests/support/catch.h"
#include "tests/support/op_check.h"

using namespace orchid;
using namespace orchid::train;
using orchid::test::Array;
using orchid::test::download;
using orchid::test::upload;

namespace {

/// Three parameters of odd sizes, so that the arena has gaps.
struct Net {
  explicit Net(Context& ctx) {
    weight.value = upload(ctx, {1, -2, 3, -4, 5, -6}, {2, 3});
    bias.value = upload(ctx, {0.5}, {1});
    gamma.value = upload(ctx, {1, 1, 2}, {3});
  }
  void visit(const model::Visitor& visitor) {
    visitor.parameter("a.weight", weight);
    visitor.parameter("a.bias", bias);
    visitor.parameter("norm.gamma", gamma);
  }
  model::Parameter weight, bias, gamma;
};

/// Three blocks, and what is before and after them: one number each, 1.
struct Blocks {
  explicit Blocks(Context& ctx) {
    for (const char* path :
         {"embeddings.weight", "encoder.layers.0.mlp.bias", "encoder.layers.1.mlp.bias",
          "encoder.layers.2.pos_emb.z", "encoder.norm.weight", "head.weight"})
      parameters.emplace_back(path, model::Parameter{upload(ctx, {1}, {1})});
  }
  void visit(const model::Visitor& visitor) {
    for (auto& [path, parameter] : parameters) visitor.parameter(path, parameter);
  }
  std::vector<std::pair<std::string, model::Parameter>> parameters;
};

Optimizer make(Context& ctx, Net& net, const OptimizerConfig& config) {
  return Optimizer(ctx, config, [&](const model::Visitor& visitor) { net.visit(visitor); });
}

void set(Tensor& tensor, const Array& values) {
  set_values(tensor, values);
}

/// One update without clipping, with a finite loss.
void update(Optimizer& optimizer, Context& ctx, double factor, double mean = 1) {
  const Tensor score = upload(ctx, Array{1, 0}, {2}, DType::f64);
  optimizer.update(ctx, score, {factor, 0}, mean, 0);
}

double control(const Optimizer& optimizer, ops::Control what) {
  return download(optimizer.control())[static_cast<std::size_t>(what)];
}

/// One parameter under spec bert_glue 3.3, in double.
struct Reference {
  double value, m = 0, v = 0;
  void step(const OptimizerConfig& config, double g, double factor, double peak, double lambda,
            int t) {
    const double rate = factor * peak;
    const bool decoupled = config.type == OptimizerKind::decoupled_adamw;
    value *= 1 - (decoupled ? factor : rate) * lambda;
    m = config.betas[0] * m + (1 - config.betas[0]) * g;
    v = config.betas[1] * v + (1 - config.betas[1]) * g * g;
    const double root = std::sqrt(v) / std::sqrt(1 - std::pow(config.betas[1], t));
    value -= rate / (1 - std::pow(config.betas[0], t)) * m / (root + config.epsilon);
  }
};

}  // namespace

TEST_CASE("parameters move into the arena with their values", "[train][optimizer]") {
  Context ctx({}, DType::f32, 1);
  Net net(ctx);
  const Optimizer optimizer = make(ctx, net, {});
  CHECK(download(net.weight.value) == Array{1, -2, 3, -4, 5, -6});
  CHECK(net.weight.value.shape() == Shape{2, 3});
  CHECK(download(net.gamma.value) == Array{1, 1, 2});
  CHECK(download(net.gamma.grad) == Array{0, 0, 0});
  CHECK(optimizer.parameter_count() == 10);
  CHECK(optimizer.parameters()[1].path == "a.bias");
  set(net.bias.value, {7});
  CHECK(download(optimizer.value(1)) == Array{7});
}

TEST_CASE("both forms of AdamW equal the formula in double", "[train][optimizer]") {
  for (const OptimizerKind kind : {OptimizerKind::adamw, OptimizerKind::decoupled_adamw}) {
    Context ctx({}, DType::f64, 1);
    Net net(ctx);
    const OptimizerConfig config{.type = kind,
                                 .learning_rate = 0.25,
                                 .betas = {0.5, 0.75},
                                 .epsilon = 1e-3,
                                 .weight_decay = 0.125};
    Optimizer optimizer = make(ctx, net, config);
    Reference weight{-2}, bias{0.5};
    for (int t = 1; t <= 3; ++t) {
      set(net.weight.grad, {0, 2.0 * t, 0, 0, 0, 0});
      set(net.bias.grad, {-1.0 / t});
      update(optimizer, ctx, 0.5 * t, 0.25);
      weight.step(config, 0.5 * t, 0.5 * t, 0.25, 0.125, t);
      bias.step(config, -0.25 / t, 0.5 * t, 0.25, 0.125, t);
    }
    INFO(enum_name(kind));
    CHECK(download(net.weight.value)[1] == Approx(weight.value).epsilon(1e-12));
    CHECK(download(net.bias.value)[0] == Approx(bias.value).epsilon(1e-12));
    CHECK(download(optimizer.first_moment(1))[0] == Approx(bias.m).epsilon(1e-12));
    CHECK(download(optimizer.second_moment(1))[0] == Approx(bias.v).epsilon(1e-12));
  }
}

TEST_CASE("one hand-computed step tells the two forms of decay apart", "[train][optimizer]") {
  // value 1, g = 2, rate 0.1 * 0.5 = 0.05, lambda 0.2: m / sqrt(v) = 1 after correction.
  const auto after = [](OptimizerKind kind) {
    Context ctx({}, DType::f64, 1);
    Net net(ctx);
    Optimizer optimizer =
        make(ctx, net, {.type = kind, .learning_rate = 0.1, .epsilon = 1e-12, .weight_decay = 0.2});
    set(net.gamma.grad, {2, 0, 0});
    update(optimizer, ctx, 0.5);
    return download(net.gamma.value)[0];
  };
  CHECK(after(OptimizerKind::adamw) == Approx(1 - 0.05 * 0.2 - 0.05));
  CHECK(after(OptimizerKind::decoupled_adamw) == Approx(1 - 0.5 * 0.2 - 0.05));
}

TEST_CASE("a group overrides the settings of the parameters it matches", "[train][optimizer]") {
  Context ctx({}, DType::f64, 1);
  Net net(ctx);
  OptimizerConfig config{.learning_rate = 0.5, .weight_decay = 0};
  config.groups = {{"a.bias", 0.0, 0.5}, {"a.*", 0.125, {}}};
  Optimizer optimizer = make(ctx, net, config);
  set(net.weight.grad, {1, 1, 1, 1, 1, 1});
  set(net.bias.grad, {1});
  set(net.gamma.grad, {1, 1, 1});
  update(optimizer, ctx, 1);
  CHECK(download(net.weight.value)[0] == Approx(1 - 0.125).epsilon(1e-5));
  CHECK(download(net.bias.value)[0] == Approx(0.25).epsilon(1e-12));  // rate 0, decay 0.5
  CHECK(download(net.gamma.value)[0] == Approx(1 - 0.5).epsilon(1e-5));
}

TEST_CASE("a group that matches nothing is refused", "[train][optimizer]") {
  Context ctx({}, DType::f32, 1);
  Net net(ctx);
  OptimizerConfig config;
  config.groups = {{"*.weigth", {}, {}}};
  test::require_error([&] { make(ctx, net, config); },
                      "optimizer.groups: no parameter matches \"*.weigth\"");
}

TEST_CASE("the gradient norm covers all parameters and zero_grad clears them",
          "[train][optimizer]") {
  Context ctx({}, DType::f32, 1);
  Net net(ctx);
  Optimizer optimizer = make(ctx, net, {});
  set(net.weight.grad, {1, 0, 0, 0, 0, 2});
  set(net.bias.grad, {4});
  set(net.gamma.grad, {0, 0, 10});
  update(optimizer, ctx, 0);
  CHECK(control(optimizer, ops::Control::norm) == 11);
  optimizer.zero_grad(ctx);
  update(optimizer, ctx, 0);
  CHECK(control(optimizer, ops::Control::norm) == 0);
  CHECK(download(net.gamma.grad) == Array{0, 0, 0});
}

TEST_CASE("a factor of 0 moves no parameter but feeds the moments", "[train][optimizer]") {
  Context ctx({}, DType::f32, 1);
  Net net(ctx);
  Optimizer optimizer = make(ctx, net, {.weight_decay = 0.5});
  set(net.bias.grad, {4});
  update(optimizer, ctx, 0);
  CHECK(download(net.bias.value) == Array{0.5});
  CHECK(download(optimizer.first_moment(1))[0] == Approx(0.4));
}

TEST_CASE("an offset of the schedule reaches every group", "[train][optimizer]") {
  Context ctx({}, DType::f64, 1);
  Net net(ctx);
  OptimizerConfig config{
      .type = OptimizerKind::adamw, .learning_rate = 0.5, .epsilon = 1e-12, .weight_decay = 0};
  config.groups = {{"a.bias", 0.0, {}}, {"a.*", 0.125, {}}};
  Optimizer optimizer = make(ctx, net, config);
  set(net.weight.grad, {1, 1, 1, 1, 1, 1});
  set(net.bias.grad, {1});
  set(net.gamma.grad, {1, 1, 1});
  optimizer.update(ctx, upload(ctx, Array{1, 0}, {2}, DType::f64), {0.5, 0.0625}, 1, 0);
  CHECK(download(net.weight.value)[0] == Approx(1 - (0.0625 + 0.0625)).epsilon(1e-9));
  CHECK(download(net.bias.value)[0] == 0.5);  // rate 0: fixed
  CHECK(download(net.gamma.value)[0] == Approx(1 - (0.25 + 0.0625)).epsilon(1e-9));
}

TEST_CASE("rates fall from block to block where the configuration says so", "[train][optimizer]") {
  Context ctx({}, DType::f32, 1);
  Blocks net(ctx);
  OptimizerConfig config{.learning_rate = 1};
  config.groups = {{"*.z", 0.25, {}}};
  const auto rates = [&](double decay) {
    config.layer_decay = decay;
    const Optimizer optimizer(ctx, config, [&](const model::Visitor& v) { net.visit(v); });
    std::vector<double> found;
    for (const OptimizedParameter& parameter : optimizer.parameters())
      found.push_back(parameter.learning_rate);
    return found;
  };
  CHECK(rates(1) == std::vector<double>{1, 1, 1, 0.25, 1, 1});
  CHECK(rates(0.5) == std::vector<double>{0.0625, 0.125, 0.25, 0.125, 1, 1});
}

TEST_CASE("layers keep their share of the rate at the schedule's ends too", "[train][optimizer]") {
  const OptimizerKind kind = GENERATE(OptimizerKind::adamw, OptimizerKind::decoupled_adamw);
  // Of a schedule from an absolute rate, to one, and half way between such a rate and the peak.
  const ScheduledRate rate = GENERATE(ScheduledRate{0, 0.125}, ScheduledRate{0.5, 0.0625});
  const bool shard = GENERATE(false, true);
  Context ctx({}, DType::f64, 1);
  Blocks net(ctx);
  const double lambda = 0.25, d = 0.5;
  OptimizerConfig config{.type = kind,
                         .learning_rate = 0.25,
                         .epsilon = 1e-12,
                         .weight_decay = lambda,
                         .layer_decay = d};
  config.groups = {{"*.z", 0.125, {}}, {"encoder.norm.*", 0.0, {}}};
  // A shard of a world of one is everything, cut into buckets: ranges begin within them.
  Optimizer optimizer(ctx, config, [&](const model::Visitor& v) { net.visit(v); }, {},
                      {.bucket = shard ? 32 : 0, .shard = shard});
  for (auto& [path, parameter] : net.parameters) set(parameter.grad, {2});
  optimizer.update(ctx, upload(ctx, Array{1, 0}, {2}, DType::f64), rate, 1, 0);
  const Array peaks = {0.25, 0.25, 0.25, 0.125, 0, 0.25};
  const Array scales = {d * d * d * d, d * d * d, d * d, d, 1, 1};
  for (std::size_t i = 0; i < peaks.size(); ++i) {
    INFO(net.parameters[i].first << ", " << enum_name(kind) << ", offset " << rate.offset);
    const double of_peak = peaks[i] > 0 ? rate.factor * peaks[i] + rate.offset : 0;
    const double share = peaks[i] > 0 ? of_peak / peaks[i] : rate.factor;
    const double moved = scales[i] * of_peak;
    const double decay = kind == OptimizerKind::adamw ? moved : share;
    // The first update moves by the rate.
    CHECK(download(net.parameters[i].second.value)[0] ==
          Approx(1 - decay * lambda - moved).epsilon(1e-9));
  }
}

TEST_CASE("a moving average follows the weights, but no skipped step", "[train][optimizer]") {
  const bool warmup = GENERATE(false, true);
  Context ctx({}, DType::f64, 1);
  Net net(ctx);
  const EmaConfig ema{.decay = 0.5, .warmup = warmup};
  Optimizer optimizer(
      ctx, {.learning_rate = 0.25}, [&](const model::Visitor& v) { net.visit(v); }, ema);
  REQUIRE(optimizer.averages());
  CHECK(download(optimizer.average(0)) == Array{1, -2, 3, -4, 5, -6});  // begins at the weights
  double average = -2;
  int updates = 0;
  for (const double loss : {1.0, 1.0, std::nan(""), 1.0}) {
    set(net.weight.grad, {0, 1, 0, 0, 0, 0});
    optimizer.update(ctx, upload(ctx, Array{loss, 0}, {2}, DType::f64), {1, 0}, 1, 0);
    if (std::isnan(loss)) continue;
    ++updates;
    const double d = warmup ? std::min(0.5, (1.0 + updates) / (10.0 + updates)) : 0.5;
    average = d * average + (1 - d) * download(net.weight.value)[1];
  }
  CHECK(download(optimizer.average(0))[1] == Approx(average).epsilon(1e-12));
  CHECK(download(optimizer.average(0))[1] != download(net.weight.value)[1]);
  optimizer.restart_averages();
  CHECK(download(optimizer.average(0)) == download(net.weight.value));
}

TEST_CASE("without a decay there is no average", "[train][optimizer]") {
  Context ctx({}, DType::f32, 1);
  Net net(ctx);
  CHECK(!make(ctx, net, {}).averages());
}
