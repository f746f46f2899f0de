#include "model/mixers/static_filter.h"

#include <cmath>
#include <numbers>

#include "kernels/ops/arithmetic.h"
#include "kernels/ops/implicit_filter.h"

namespace orchid::model {
namespace {

struct SavedSine {
  Tensor x;
};
struct SavedWindow {
  Tensor e;
};

/// Element i of n values evenly from first to last; the first alone if n = 1.
double evenly(double first, double last, std::int64_t n, std::int64_t i) {
  return n == 1 ? first
                : first + (last - first) * static_cast<double>(i) / static_cast<double>(n - 1);
}

double positional_feature(std::int64_t t, std::int64_t feature, std::int64_t features,
                          std::int64_t table) {
  if (feature == 0) return evenly(0, 1, table, t);
  const std::int64_t bands = (features - 1) / 2, band = (feature - 1) % bands;
  const double angle = evenly(1e-4, static_cast<double>(bands - 1), bands, band) * 2 *
                       std::numbers::pi * static_cast<double>(t) / static_cast<double>(table);
  return feature <= bands ? std::cos(angle) : -std::sin(angle);
}

}  // namespace

StaticFilter::StaticFilter(const Init& init, const FilterConfig& config, std::int64_t width,
                           std::int64_t filters, std::int64_t table_length)
    : config_(config),
      width_(width),
      filters_(filters),
      table_length_(table_length),
      skip_(init.normal("bias", {width * filters}, 1)),
      positions_(init.table("pos_emb.z", {1, table_length, config.features},
                            [&](std::int64_t i) {
                              return positional_feature(i / config.features, i % config.features,
                                                        config.features, table_length);
                            })),
      times_(init.table("pos_emb.t", {1, table_length, 1},
                        [&](std::int64_t t) { return evenly(0, 1, table_length, t); })
                 .value),
      deltas_(init.table("modulation.deltas", {1, 1, width * filters},
                         [&](std::int64_t c) {
                           const double log_target = std::log(0.01), slow = 1.5, fast = 0.3;
                           return evenly(log_target / slow, log_target / fast, width * filters, c);
                         })
                  .value),
      frequency_(init.constant("implicit_filter.1.freq", {1, config.width}, config.frequency)) {
  for (std::int64_t i = 0; i <= config.inner_layers + 1; ++i) {
    const bool last = i == config.inner_layers + 1;
    layers_.emplace_back(init.at(str("implicit_filter.", 2 * i)),
                         i == 0 ? config.features : config.width,
                         last ? width * filters : config.width, !last);
  }
}

Tensor StaticFilter::table_rows(const Tensor& table, std::int64_t length) const {
  const std::int64_t columns = table.shape().last();
  return table.slice(0, {length, columns});
}

Tensor StaticFilter::forward(Context& ctx, std::int64_t length, Tape& tape) const {
  ORCHID_CHECK(length <= table_length_, "static filter: sequences of at most ", table_length_,
               " positions (mixer.table_length), got ", length);
  const Tensor frequency = frequency_.value.reshape({config_.width});
  Tensor a = table_rows(positions_.value, length);
  for (std::size_t i = 0; i + 1 < layers_.size(); ++i) {
    const Tensor x = layers_[i].forward(ctx, a, tape);
    Tensor sine = ctx.empty(x.shape(), x.dtype());
    run(ctx,
        ops::Sine{.x = x, .frequency = frequency, .y = sine, .scale = config_.frequency_scale});
    tape.save(SavedSine{x});
    a = sine;
  }
  const Tensor e = layers_.back().forward(ctx, a, tape);
  Tensor k = ctx.empty({filters_, length, width_}, e.dtype());
  const Tensor times = times_.reshape({table_length_});
  const Tensor deltas = deltas_.reshape({width_ * filters_});
  run(ctx, ops::DecayWindow{.e = e,
                            .t = times,
                            .delta = deltas,
                            .k = k,
                            .shift = config_.shift,
                            .window = config_.window,
                            .normalized = config_.normalized});
  tape.save(SavedWindow{e});
  return k;
}

void StaticFilter::backward(Context& ctx, const Tensor& dk, Tape& tape) {
  const auto [e] = tape.take<SavedWindow>();
  const Tensor times = times_.reshape({table_length_});
  const Tensor deltas = deltas_.reshape({width_ * filters_});
  Tensor de = ctx.empty(e.shape(), e.dtype());
  run(ctx, ops::DecayWindowGrad{.dk = dk,
                                .e = e,
                                .t = times,
                                .delta = deltas,
                                .de = de,
                                .shift = config_.shift,
                                .window = config_.window,
                                .normalized = config_.normalized});
  const Tensor frequency = frequency_.value.reshape({config_.width});
  Tensor dfrequency = frequency_.grad.reshape({config_.width});
  Tensor da = layers_.back().backward(ctx, de, tape);
  for (std::size_t i = layers_.size() - 1; i-- > 0;) {
    const auto [x] = tape.take<SavedSine>();
    Tensor dx = ctx.empty(x.shape(), x.dtype());
    run(ctx, ops::SineGrad{.dy = da,
                           .x = x,
                           .frequency = frequency,
                           .dx = dx,
                           .dfrequency = dfrequency,
                           .scale = config_.frequency_scale});
    da = layers_[i].backward(ctx, dx, tape);
  }
  if (config_.positions_trainable) {
    Tensor dpositions = table_rows(positions_.grad, da.shape()[0]);
    run(ctx, ops::AddScaled{.x = da, .y = dpositions});
  }
}

void StaticFilter::visit(const std::string& prefix, const Visitor& visitor) {
  if (visitor.parameter) {
    visitor.parameter(join(prefix, "bias"), skip_);
    if (config_.positions_trainable) visitor.parameter(join(prefix, "pos_emb.z"), positions_);
  }
  if (visitor.buffer) {
    if (!config_.positions_trainable) visitor.buffer(join(prefix, "pos_emb.z"), positions_.value);
    visitor.buffer(join(prefix, "pos_emb.t"), times_);
    visitor.buffer(join(prefix, "modulation.deltas"), deltas_);
  }
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    layers_[i].visit(join(prefix, str("implicit_filter.", 2 * i)), visitor);
    if (i == 0 && visitor.parameter)
      visitor.parameter(join(prefix, "implicit_filter.1.freq"), frequency_);
  }
}

}  // namespace orchid::model
