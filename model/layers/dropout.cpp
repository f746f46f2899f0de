#include "model/layers/dropout.h"

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

}  // namespace orchid::model
