#include "model/layers/dropout.h"

#include "kernels/ops/dropout.h"

namespace orchid::model {

Tensor Dropout::apply(Context& ctx, const Tensor& x, const Tape& tape) const {
  if (!tape.training() || rate_ == 0) return x;
  constexpr std::uint64_t kSites = 1u << 16;
  Tensor y = ctx.empty(x.shape(), x.dtype());
  run(ctx, ops::Dropout{.x = x,
                        .y = y,
                        .rate = rate_,
                        .seed = tape.seed(),
                        .item = tape.step() * kSites + site_});
  return y;
}

Tensor Dropout::forward(Context& ctx, const Tensor& x, Tape& tape) const {
  return apply(ctx, x, tape);
}

Tensor Dropout::backward(Context& ctx, const Tensor& dy, Tape& tape) {
  return apply(ctx, dy, tape);
}

}  // namespace orchid::model
