#include "kernels/ops/conv_norm.h"

#include "kernels/cpu/untraced.h"
#include "kernels/ops/norm.h"
#include "kernels/ops/sequence_conv.h"
#include "kernels/ops/spectral.h"

/// Composed of the ops that it is the fusion of.
namespace orchid::ops {
namespace {

template <class Op>
Tensor convolution_input(Context& ctx, const Op& op) {
  if (!op.power) return *op.x;
  const Shape& shape = op.x->shape();
  Tensor s = ctx.empty({shape[0], shape[1], op.groups}, op.x->dtype());
  run(ctx, Power{.z = *op.x, .s = s, .complex = op.complex});
  return s;
}

template <class Op>
Tensor convolved(Context& ctx, const Op& op, const Tensor& s) {
  const Shape &shape = op.x->shape(), &taps = op.weight->shape();
  Tensor u = ctx.empty({shape[0], shape[1], taps[0]}, op.x->dtype());
  run(ctx, SequenceConv{.x = s,
                        .weight = *op.weight,
                        .bias = op.bias,
                        .y = u,
                        .groups = op.groups,
                        .left = (taps[2] - 1) / 2,
                        .x_column = op.x_column});
  return u;
}

}  // namespace

void ConvNorm::cpu(Context& ctx) const {
  const cpu::Untraced untraced(ctx);
  Tensor u = convolved(ctx, *this, convolution_input(ctx, *this));
  Tensor grouped = planar ? ctx.empty(u.shape(), u.dtype()) : *y;
  run(ctx, LayerNorm{.x = u,
                     .gamma = *gamma,
                     .beta = *beta,
                     .y = grouped,
                     .mean = *mean,
                     .rstd = *rstd,
                     .eps = eps});
  if (planar) run(ctx, SelectFilter{.z = grouped, .h = *y});
}

void ConvNormGrad::cpu(Context& ctx) const {
  const cpu::Untraced untraced(ctx);
  const Tensor s = convolution_input(ctx, *this), u = convolved(ctx, *this, s);
  Tensor du = ctx.empty(u.shape(), u.dtype()), ds = *dx;
  if (planar) run(ctx, SelectFilterGrad{.dh = *dy, .dz = du});
  run(ctx, LayerNormGrad{.dy = planar ? du : *dy,
                         .x = u,
                         .gamma = *gamma,
                         .mean = *mean,
                         .rstd = *rstd,
                         .dx = du,
                         .dgamma = *dgamma,
                         .dbeta = *dbeta});
  if (power) ds = ctx.empty(s.shape(), s.dtype());
  run(ctx, SequenceConvGrad{.dy = du,
                            .x = s,
                            .weight = *weight,
                            .dx = ds,
                            .dweight = *dweight,
                            .dbias = dbias,
                            .groups = groups,
                            .left = (weight->shape()[2] - 1) / 2,
                            .x_column = x_column});
  if (power) run(ctx, PowerGrad{.ds = ds, .z = *x, .dz = *dx, .complex = complex});
}

}  // namespace orchid::ops
