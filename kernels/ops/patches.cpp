#include "kernels/ops/patches.h"

namespace orchid::ops {
namespace {

/// Parameters, and their gradients, beside activations `x`.
void check_parameter(const char* op, const char* operand, const Tensor* tensor,
                     const Shape& expected, const Tensor& x) {
  if (!tensor) return;
  check_shape(op, operand, *tensor, expected);
  check_dtype(op, operand, *tensor, accumulate_type(x.dtype()));
}

}  // namespace

void Patches::check() const {
  const Shape& shape = x->shape();
  ORCHID_CHECK(shape.rank() == 4, name, ": x: expected (B, H, W, C), got ", shape);
  check_dtype(name, "x", *x, DType::f32);
  ORCHID_CHECK(patch >= 1 && shape[1] % patch == 0 && shape[2] % patch == 0, name,
               ": patch: expected a divisor of height and width of ", shape, ", got ", patch);
  check_shape(name, "y", *y,
              {shape[0], shape[1] / patch * (shape[2] / patch), patch * patch * shape[3]});
}

void PatchTokens::check() const {
  const Shape& shape = x->shape();
  ORCHID_CHECK(shape.rank() == 3, name, ": x: expected (B, L, D), got ", shape);
  const std::int64_t length = shape[1] + (token.defined() ? 1 : 0), width = shape[2];
  check_parameter(name, "token", token.tensor, {width}, *x);
  check_parameter(name, "positions", positions.tensor, {length, width}, *x);
  check_shape(name, "y", *y, {shape[0], length, width});
  check_dtype(name, "y", *y, x->dtype());
}

void PatchTokensGrad::check() const {
  const Shape& shape = dy->shape();
  ORCHID_CHECK(shape.rank() == 3, name, ": dy: expected (B, L, D), got ", shape);
  check_parameter(name, "dtoken", dtoken.tensor, {shape[2]}, *dy);
  check_parameter(name, "dpositions", dpositions.tensor, {shape[1], shape[2]}, *dy);
  ORCHID_CHECK(dx.defined() == dtoken.defined(), name,
               ": dx: expected with dtoken, and without it left out");
  if (!dx.defined()) return;
  ORCHID_CHECK(shape[1] >= 1, name, ": dy: expected the token's position, got ", shape);
  check_shape(name, "dx", *dx, {shape[0], shape[1] - 1, shape[2]});
  check_dtype(name, "dx", *dx, dy->dtype());
}

}  // namespace orchid::ops
