#include "model/layers/dropout.h"

#include "kernels/ops/arithmetic.h"
#include "kernels/ops/dropout.h"

namespace orchid::model {

Tensor Dropout::apply(Context& ctx, const Tensor& x, const Tape& tape) const {
  if (!tape.training() || rate_ == 0) return x;
  Tensor y = ctx.empty(x.shape(), x.dtype());
  run(ctx, ops::Dropout{.x = x,
                        .y = y,
                        .step = tape.device_step(),
                        .rate = rate_,
                        .seed = tape.seed(),
                        .item = tape.step() * ops::kDropoutSites + site_});
  return y;
}

Tensor Dropout::forward(Context& ctx, const Tensor& x, Tape& tape) const {
  return apply(ctx, x, tape);
}

Tensor Dropout::backward(Context& ctx, const Tensor& dy, Tape& tape) {
  return apply(ctx, dy, tape);
}

DropPath::DropPath(const Init& init, double rate)
    : rate_(rate), site_(rate == 0 ? 0 : init.next_dropout_site()) {}

/// Without `residual`, the gradient.
Tensor DropPath::apply(Context& ctx, const Tensor& x, const Tensor& residual,
                       const Tape& tape) const {
  Tensor y = ctx.empty(x.shape(), x.dtype());
  run(ctx, ops::Dropout{.x = x,
                        .y = y,
                        .step = tape.device_step(),
                        .add = residual,
                        .rate = rate_,
                        .seed = tape.seed(),
                        .item = tape.step() * ops::kDropoutSites + site_,
                        .span = x.count() / x.shape()[0]});
  return y;
}

Tensor DropPath::forward(Context& ctx, const Tensor& residual, const Tensor& x, Tape& tape) const {
  if (tape.training() && rate_ > 0) return apply(ctx, x, residual, tape);
  Tensor y = ctx.empty(x.shape(), x.dtype());
  run(ctx, ops::Add{.a = residual, .b = x, .y = y});
  return y;
}

Tensor DropPath::backward(Context& ctx, const Tensor& dy, Tape& tape) {
  return rate_ > 0 ? apply(ctx, dy, {}, tape) : dy;
}

}  // namespace orchid::model
