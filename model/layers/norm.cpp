#include "model/layers/norm.h"

#include "kernels/ops/norm.h"

namespace orchid::model {
namespace {

struct SavedNorm {
  Tensor x;
  Tensor mean;
  Tensor rstd;
};

}  // namespace

LayerNorm::LayerNorm(const Init& init, std::int64_t width, double eps)
    : gamma_(init.constant("weight", {width}, 1)),
      beta_(init.constant("bias", {width}, 0)),
      eps_(eps) {}

Tensor LayerNorm::forward(Context& ctx, const Tensor& x, Tape& tape) const {
  const Shape rows{x.shape().rows()};
  Tensor y = ctx.empty(x.shape(), x.dtype());
  const DType statistics = accumulate_type(x.dtype());
  Tensor mean = ctx.empty(rows, statistics), rstd = ctx.empty(rows, statistics);
  run(ctx, ops::LayerNorm{.x = x,
                          .gamma = gamma_.value,
                          .beta = beta_.value,
                          .y = y,
                          .mean = mean,
                          .rstd = rstd,
                          .eps = eps_});
  tape.save(SavedNorm{x, mean, rstd});
  return y;
}

Tensor LayerNorm::backward(Context& ctx, const Tensor& dy, Tape& tape) {
  const auto [x, mean, rstd] = tape.take<SavedNorm>();
  Tensor dx = ctx.empty(x.shape(), x.dtype());
  run(ctx, ops::LayerNormGrad{.dy = dy,
                              .x = x,
                              .gamma = gamma_.value,
                              .mean = mean,
                              .rstd = rstd,
                              .dx = dx,
                              .dgamma = gamma_.grad,
                              .dbeta = beta_.grad});
  return dx;
}

void LayerNorm::visit(const std::string& prefix, const Visitor& visitor) {
  if (!visitor.parameter) return;
  visitor.parameter(join(prefix, "weight"), gamma_);
  visitor.parameter(join(prefix, "bias"), beta_);
}

BatchNorm::BatchNorm(const Init& init, std::int64_t width, double eps)
    : gamma_(init.constant("weight", {width}, 1)),
      beta_(init.constant("bias", {width}, 0)),
      running_mean_(init.constant("running_mean", {width}, 0).value),
      running_var_(init.constant("running_var", {width}, 1).value),
      eps_(eps) {}

Tensor BatchNorm::forward(Context& ctx, const Tensor& x, Tape& tape) const {
  const Shape channels{x.shape().last()};
  Tensor y = ctx.empty(x.shape(), x.dtype());
  const DType statistics = accumulate_type(x.dtype());
  Tensor mean = ctx.empty(channels, statistics), rstd = ctx.empty(channels, statistics);
  Tensor running_mean = running_mean_,
         running_var = running_var_;  // handles; they move in training
  run(ctx, ops::BatchNorm{.x = x,
                          .gamma = gamma_.value,
                          .beta = beta_.value,
                          .running_mean = running_mean,
                          .running_var = running_var,
                          .y = y,
                          .mean = mean,
                          .rstd = rstd,
                          .eps = eps_,
                          .training = tape.training()});
  tape.save(SavedNorm{x, mean, rstd});
  return y;
}

Tensor BatchNorm::backward(Context& ctx, const Tensor& dy, Tape& tape) {
  const auto [x, mean, rstd] = tape.take<SavedNorm>();
  Tensor dx = ctx.empty(x.shape(), x.dtype());
  run(ctx, ops::BatchNormGrad{.dy = dy,
                              .x = x,
                              .gamma = gamma_.value,
                              .mean = mean,
                              .rstd = rstd,
                              .dx = dx,
                              .dgamma = gamma_.grad,
                              .dbeta = beta_.grad});
  return dx;
}

void BatchNorm::visit(const std::string& prefix, const Visitor& visitor) {
  if (visitor.parameter) {
    visitor.parameter(join(prefix, "weight"), gamma_);
    visitor.parameter(join(prefix, "bias"), beta_);
  }
  if (visitor.buffer) {
    visitor.buffer(join(prefix, "running_mean"), running_mean_);
    visitor.buffer(join(prefix, "running_var"), running_var_);
  }
}

}  // namespace orchid::model
