#include "train/optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "kernels/ops/adamw.h"
#include "kernels/ops/arithmetic.h"
#include "train/optim/pattern.h"

namespace orchid::train {
namespace {

/// Parameters begin at multiples of this many elements: 64 bytes of float32. The gaps stay zero.
constexpr std::int64_t kAlignment = 16;

std::int64_t aligned(std::int64_t count) {
  return (count + kAlignment - 1) / kAlignment * kAlignment;
}

/// Number of the encoder block a parameter belongs to; -1: of none.
std::int64_t block_of(const std::string& path) {
  constexpr std::string_view kBlocks = "encoder.layers.";
  const std::size_t at = path.find(kBlocks);
  if (at == std::string::npos) return -1;
  return std::stoll(path.substr(at + kBlocks.size()));
}

/// What is trained after the blocks: it keeps its rate.
bool after_blocks(const std::string& path) {
  return path.starts_with("head.") || path.starts_with("encoder.norm") || path.starts_with("norm.");
}

}  // namespace

Optimizer::Optimizer(Context& ctx, const OptimizerConfig& config, const VisitParameters& visit,
                     const EmaConfig& ema)
    : config_(config), ema_(ema) {
  collect(visit);
  if (config_.layer_decay != 1) decay_layers();
  build(ctx, visit);
}

void Optimizer::collect(const VisitParameters& visit) {
  visit({[&](const std::string& path, model::Parameter& parameter) {
           OptimizedParameter entry{path, parameter.value.shape(), arena_count_,
                                    config_.learning_rate, config_.weight_decay};
           for (const OptimizerGroupConfig& group : config_.groups)
             if (matches(group.match, path)) {
               entry.learning_rate = group.learning_rate.value_or(entry.learning_rate);
               entry.weight_decay = group.weight_decay.value_or(entry.weight_decay);
               break;
             }
           parameter_count_ += parameter.value.count();
           arena_count_ += aligned(parameter.value.count());
           parameters_.push_back(std::move(entry));
         },
         nullptr});
  ORCHID_CHECK(!parameters_.empty(), "optimizer: the model has no parameters");
  check_groups();
}

/// With N blocks: block i (from 0) has its rate times d^(N - i), what comes before the blocks
/// d^(N + 1), what comes after them 1.
void Optimizer::decay_layers() {
  std::int64_t blocks = 0;
  for (const OptimizedParameter& parameter : parameters_)
    blocks = std::max(blocks, block_of(parameter.path) + 1);
  for (OptimizedParameter& parameter : parameters_) {
    const std::int64_t block = block_of(parameter.path);
    if (block < 0 && after_blocks(parameter.path)) continue;
    parameter.learning_rate *= std::pow(config_.layer_decay, static_cast<double>(blocks - block));
  }
}

void Optimizer::check_groups() const {
  for (const OptimizerGroupConfig& group : config_.groups)
    ORCHID_CHECK_USAGE(
        std::any_of(parameters_.begin(), parameters_.end(),
                    [&](const auto& parameter) { return matches(group.match, parameter.path); }),
        "optimizer.groups: no parameter matches \"", group.match, "\"; the first is \"",
        parameters_.front().path, "\"");
}

void Optimizer::build(Context& ctx, const VisitParameters& visit) {
  for (Tensor* arena : {&values_, &grads_, &m_, &v_})
    *arena = ctx.zeros({arena_count_}, ctx.accumulate());
  if (ctx.compute() != ctx.accumulate()) products_ = ctx.zeros({arena_count_});
  std::size_t index = 0;
  visit({[&](const std::string& path, model::Parameter& parameter) {
           ORCHID_CHECK(parameter.value.dtype() == values_.dtype(), "optimizer: ", path,
                        ": expected ", name_of(values_.dtype()), ", got ",
                        name_of(parameter.value.dtype()));
           Tensor home = slice(values_, index);
           copy(parameter.value, home);
           parameter.value = home;
           parameter.grad = slice(grads_, index);
           if (products_.defined()) parameter.product = slice(products_, index);
           ++index;
         },
         nullptr});
  if (ema_.decay > 0) {
    averages_ = ctx.empty({arena_count_}, ctx.accumulate());
    restart_averages();
  }
  build_ranges(ctx);
  control_ = ctx.zeros({ops::kControls}, DType::f64);
  updates_ = ctx.zeros({1}, DType::i64);
}

void Optimizer::build_ranges(Context& ctx) {
  std::vector<double> ranges;
  for (const OptimizedParameter& parameter : parameters_) {
    const auto end = static_cast<double>(parameter.offset + aligned(parameter.shape.count()));
    const bool as_before = !ranges.empty() &&
                           ranges[ranges.size() - 2] == parameter.learning_rate &&
                           ranges.back() == parameter.weight_decay;
    if (as_before) {
      ranges[ranges.size() - 3] = end;
    } else {
      ranges.insert(ranges.end(), {end, parameter.learning_rate, parameter.weight_decay});
    }
  }
  ranges_ = ctx.empty({std::ssize(ranges) / 3, 3}, DType::f64);
  set_values(ranges_, ranges);
}

Tensor Optimizer::slice(const Tensor& arena, std::size_t index) const {
  const OptimizedParameter& parameter = parameters_[index];
  return arena.slice(parameter.offset, parameter.shape);
}

void Optimizer::zero_grad(Context& ctx) {
  run(ctx, ops::Fill{.y = grads_, .value = 0});
}

void Optimizer::update(Context& ctx, const Tensor& score, const ScheduledRate& rate, double mean,
                       double clip_norm) {
  Tensor sum = ctx.empty({1}, DType::f64);
  run(ctx, ops::SumOfSquares{.x = grads_, .result = sum});
  run(ctx, ops::ClipScale{.sum_of_squares = sum,
                          .score = score,
                          .control = control_,
                          .applied = updates_,
                          .mean = mean,
                          .clip_norm = clip_norm});
  run(ctx, ops::AdamW{.value = values_,
                      .grad = grads_,
                      .m = m_,
                      .v = v_,
                      .ranges = ranges_,
                      .control = control_,
                      .applied = updates_,
                      .product = products_,
                      .rate = rate.factor,
                      .beta1 = config_.betas[0],
                      .beta2 = config_.betas[1],
                      .epsilon = config_.epsilon,
                      .decoupled = config_.type == OptimizerKind::decoupled_adamw,
                      .offset = rate.offset});
  if (!averages()) return;
  run(ctx, ops::MovingAverage{.value = values_,
                              .average = averages_,
                              .control = control_,
                              .applied = updates_,
                              .decay = ema_.decay,
                              .warmup = ema_.warmup});
}

void Optimizer::lend(Context& ctx, model::Model& model, Weights weights) const {
  std::size_t index = 0;
  model.visit("", {[&](const std::string&, model::Parameter& parameter) {
                     parameter.value =
                         slice(weights == Weights::values ? values_ : averages_, index++);
                   },
                   nullptr});
  model::refresh_products(ctx, model);
}

void Optimizer::set_updates(std::int64_t updates) {
  set_values(updates_, {static_cast<double>(updates)});
}

}  // namespace orchid::train
