#include "train/optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

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

}  // namespace

Optimizer::Optimizer(Context& ctx, const OptimizerConfig& config, const VisitParameters& visit)
    : config_(config) {
  collect(visit);
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

void Optimizer::check_groups() const {
  for (const OptimizerGroupConfig& group : config_.groups)
    ORCHID_CHECK_USAGE(
        std::any_of(parameters_.begin(), parameters_.end(),
                    [&](const auto& parameter) { return matches(group.match, parameter.path); }),
        "optimizer.groups: no parameter matches \"", group.match, "\"; the first is \"",
        parameters_.front().path, "\"");
}

void Optimizer::build(Context& ctx, const VisitParameters& visit) {
  for (Tensor* arena : {&values_, &grads_, &m_, &v_}) *arena = ctx.zeros({arena_count_});
  std::size_t index = 0;
  visit({[&](const std::string& path, model::Parameter& parameter) {
           ORCHID_CHECK(parameter.value.dtype() == values_.dtype(), "optimizer: ", path,
                        ": expected ", name_of(values_.dtype()), ", got ",
                        name_of(parameter.value.dtype()));
           Tensor home = slice(values_, index);
           std::memcpy(home.raw(), parameter.value.raw(), home.bytes());
           parameter.value = home;
           parameter.grad = slice(grads_, index);
           ++index;
         },
         nullptr});
  for (const OptimizedParameter& parameter : parameters_) {
    const std::int64_t count = aligned(parameter.shape.count());
    if (!runs_.empty() && runs_.back().learning_rate == parameter.learning_rate &&
        runs_.back().weight_decay == parameter.weight_decay) {
      runs_.back().count += count;
    } else {
      runs_.push_back({parameter.offset, count, parameter.learning_rate, parameter.weight_decay});
    }
  }
}

Tensor Optimizer::slice(const Tensor& arena, std::size_t index) const {
  const OptimizedParameter& parameter = parameters_[index];
  return arena.slice(parameter.offset, parameter.shape);
}

void Optimizer::zero_grad(Context& ctx) {
  run(ctx, ops::Fill{.y = grads_, .value = 0});
}

double Optimizer::grad_norm(Context& ctx) {
  Tensor sum = ctx.empty({1}, DType::f64);
  run(ctx, ops::SumOfSquares{.x = grads_, .result = sum});
  return std::sqrt(*sum.data<double>());
}

void Optimizer::step(Context& ctx, double factor, double grad_scale, std::int64_t update) {
  for (const Run& run_of : runs_) {
    const Shape shape{run_of.count};
    Tensor value = values_.slice(run_of.offset, shape);
    Tensor m = m_.slice(run_of.offset, shape), v = v_.slice(run_of.offset, shape);
    const double rate = factor * run_of.learning_rate;
    const bool decoupled = config_.type == OptimizerKind::decoupled_adamw;
    run(ctx, ops::AdamW{.value = value,
                        .grad = grads_.slice(run_of.offset, shape),
                        .m = m,
                        .v = v,
                        .rate = rate,
                        .decay = (decoupled ? factor : rate) * run_of.weight_decay,
                        .beta1 = config_.betas[0],
                        .beta2 = config_.betas[1],
                        .epsilon = config_.epsilon,
                        .grad_scale = grad_scale,
                        .step = update});
  }
}

}  // namespace orchid::train
