#include "kernels/ops/conv_norm.h"

namespace orchid::ops {
namespace {

/// What both directions share; `rows` is y or dy.
template <class Op>
void check_layer(const Op& op, const char* rows_name, const Tensor& rows) {
  const Shape &x = op.x->shape(), &weight = op.weight->shape();
  const DType sums = accumulate_type(op.x->dtype());
  ORCHID_CHECK(x.rank() == 3 && x.count() > 0, Op::name, ": x: expected (B, S, C), got ", x);
  ORCHID_CHECK(weight.rank() == 3 && weight[1] == 1, Op::name,
               ": weight: expected (Cout, 1, K), got ", weight);
  const std::int64_t outputs = weight[0], taps = weight[2];
  ORCHID_CHECK(op.groups >= 1 && (outputs == op.groups || outputs == 2 * op.groups), Op::name,
               ": groups: expected 1 or 2 outputs each, got ", op.groups, " groups of ", outputs,
               " outputs");
  ORCHID_CHECK(taps % 2 == 1 && taps <= kMaxConvNormTaps, Op::name,
               ": weight: expected an odd number of taps up to ", kMaxConvNormTaps, ", got ", taps);
  ORCHID_CHECK(!op.planar || outputs == 2 * op.groups, Op::name,
               ": planar: expected 2 outputs of each group, got 1");
  if (op.power) {
    check_shape(Op::name, "x", *op.x, {x[0], x[1], op.groups * (op.complex ? 2 : 1)});
    check_dtype(Op::name, "x", *op.x, sums);
    ORCHID_CHECK(op.x_column == 0, Op::name, ": x_column: expected 0 with power, got ",
                 op.x_column);
  }
  ORCHID_CHECK(op.x_column >= 0 && op.x_column + op.groups <= x[2], Op::name, ": x: expected ",
               op.groups, " channels from channel ", op.x_column, " on, got ", x);
  const auto check_sums = [&](const char* operand, const Tensor& tensor, const Shape& shape) {
    check_shape(Op::name, operand, tensor, shape);
    check_dtype(Op::name, operand, tensor, sums);
  };
  const auto check_statistics = [&](const char* operand, const Tensor& tensor) {
    ORCHID_CHECK(tensor.count() == x[0] * x[1], Op::name, ": ", operand, ": expected (",
                 x[0] * x[1], "), got ", tensor.shape());
    check_dtype(Op::name, operand, tensor, sums);
  };
  check_dtype(Op::name, "weight", *op.weight, sums);
  if (op.bias.defined()) check_sums("bias", *op.bias, {outputs});
  check_sums("gamma", *op.gamma, {outputs});
  check_sums(rows_name, rows, {x[0], x[1], outputs});
  check_statistics("mean", *op.mean);
  check_statistics("rstd", *op.rstd);
}

void check_parameter(const char* op, const char* operand, const Tensor& tensor,
                     const Tensor& like) {
  check_shape(op, operand, tensor, like.shape());
  check_dtype(op, operand, tensor, like.dtype());
}

}  // namespace

void ConvNorm::check() const {
  check_layer(*this, "y", *y);
  check_parameter(name, "beta", *beta, *gamma);
}

void ConvNormGrad::check() const {
  check_layer(*this, "dy", *dy);
  const Shape& shape = x->shape();
  check_shape(name, "dx", *dx, power ? shape : Shape{shape[0], shape[1], groups});
  check_dtype(name, "dx", *dx, x->dtype());
  check_parameter(name, "dweight", *dweight, *weight);
  if (dbias.defined()) check_parameter(name, "dbias", *dbias, *gamma);
  check_parameter(name, "dgamma", *dgamma, *gamma);
  check_parameter(name, "dbeta", *dbeta, *gamma);
}

}  // namespace orchid::ops
