#include "model/layers/linear.h"

#include <cmath>

#include "kernels/ops/matmul.h"

namespace orchid::model {
namespace {

struct SavedInput {
  Tensor x;
};

void visit_linear(const std::string& prefix, const Visitor& visitor, Parameter& weight,
                  Parameter& bias) {
  if (!visitor.parameter) return;
  visitor.parameter(join(prefix, "weight"), weight);
  if (bias.value.defined()) visitor.parameter(join(prefix, "bias"), bias);
}

}  // namespace

Linear::Linear(const Init& init, std::int64_t in, std::int64_t out, bool bias)
    : weight_(init.linear_weight("weight", {out, in}, in)) {
  if (bias) bias_ = init.linear_bias("bias", {out}, in);
}

Tensor Linear::forward(Context& ctx, const Tensor& x, Tape& tape) const {
  Tensor y = ctx.empty(x.shape().with_last(weight_.value.shape()[0]), x.dtype());
  run(ctx, ops::Matmul{.a = x,
                       .b = weight_.operand(x.dtype()),
                       .bias = bias_.value,
                       .c = y,
                       .transpose_b = true});
  tape.save(SavedInput{x});
  return y;
}

Tensor Linear::backward(Context& ctx, const Tensor& dy, Tape& tape) {
  const auto [x] = tape.take<SavedInput>();
  run(ctx, ops::MatmulAccumulate{
               .a = dy, .b = x, .c = weight_.grad, .a_sums = bias_.grad, .transpose_a = true});
  Tensor dx = ctx.empty(x.shape(), x.dtype());
  run(ctx, ops::Matmul{.a = dy, .b = weight_.operand(dy.dtype()), .bias = {}, .c = dx});
  return dx;
}

void Linear::visit(const std::string& prefix, const Visitor& visitor) {
  visit_linear(prefix, visitor, weight_, bias_);
}

BlockLinear::BlockLinear(const Init& init, std::int64_t in, std::int64_t out, std::int64_t blocks,
                         bool bias)
    : weight_(blocks == 1 ? init.linear_weight("weight", {1, out, in}, in)
                          : init.uniform("weight", {blocks, out / blocks, in / blocks},
                                         1 / std::sqrt(static_cast<double>(in / blocks)))) {
  if (!bias) return;
  bias_ = blocks == 1 ? init.linear_bias("bias", {out}, in)
                      : init.uniform("bias", {out}, 1 / std::sqrt(static_cast<double>(out)));
}

Tensor BlockLinear::forward(Context& ctx, const Tensor& x, Tape& tape) const {
  const Shape& shape = weight_.value.shape();
  Tensor y = ctx.empty(x.shape().with_last(shape[0] * shape[1]), x.dtype());
  run(ctx, ops::BlockDiagonal{
               .x = x, .weight = weight_.operand(x.dtype()), .bias = bias_.value, .y = y});
  tape.save(SavedInput{x});
  return y;
}

Tensor BlockLinear::backward(Context& ctx, const Tensor& dy, Tape& tape) {
  const auto [x] = tape.take<SavedInput>();
  Tensor dx = ctx.empty(x.shape(), x.dtype());
  run(ctx, ops::BlockDiagonalGrad{.dy = dy,
                                  .x = x,
                                  .weight = weight_.operand(x.dtype()),
                                  .dx = dx,
                                  .dweight = weight_.grad,
                                  .dbias = bias_.grad});
  return dx;
}

void BlockLinear::visit(const std::string& prefix, const Visitor& visitor) {
  visit_linear(prefix, visitor, weight_, bias_);
}

}  // namespace orchid::model
