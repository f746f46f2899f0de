#include "kernels/ops/attention.h"

namespace orchid::ops {
namespace {

struct Operands {
  const Tensor &qkv, &y, &logsumexp;
  const Tensor* mask;
  std::int64_t heads;
};

void check_attention(const char* op, const Operands& operands) {
  const Shape& shape = operands.qkv.shape();
  ORCHID_CHECK(shape.rank() == 3 && shape[2] % 3 == 0, op, ": qkv: expected (B, L, 3 D), got ",
               shape);
  const std::int64_t width = shape[2] / 3;
  ORCHID_CHECK(operands.heads >= 1 && width % operands.heads == 0, op,
               ": heads: expected a divisor of D = ", width, ", got ", operands.heads);
  check_shape(op, "y", operands.y, shape.with_last(width));
  check_dtype(op, "y", operands.y, operands.qkv.dtype());
  check_shape(op, "logsumexp", operands.logsumexp, {shape[0], operands.heads, shape[1]});
  check_dtype(op, "logsumexp", operands.logsumexp, accumulate_type(operands.qkv.dtype()));
  if (!operands.mask) return;
  check_shape(op, "mask", *operands.mask, {shape[0], shape[1]});
  check_dtype(op, "mask", *operands.mask, DType::u8);
}

/// Of one product of all queries with all keys, over all heads.
double product_flops(const Tensor& y) {
  return 2.0 * static_cast<double>(y.count()) * static_cast<double>(y.shape()[1]);
}

}  // namespace

double Attention::flops() const {
  return 2 * product_flops(*y);
}

void Attention::check() const {
  check_attention(name, {*qkv, *y, *logsumexp, mask.tensor, heads});
}

double AttentionGrad::flops() const {
  return 5 * product_flops(*y);
}

void AttentionGrad::check() const {
  check_attention(name, {*qkv, *y, *logsumexp, mask.tensor, heads});
  check_shape(name, "dy", *dy, y->shape());
  check_dtype(name, "dy", *dy, y->dtype());
  check_shape(name, "dqkv", *dqkv, qkv->shape());
  check_dtype(name, "dqkv", *dqkv, qkv->dtype());
}

}  // namespace orchid::ops
