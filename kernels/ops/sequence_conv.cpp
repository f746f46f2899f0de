#include "kernels/ops/sequence_conv.h"

#include <algorithm>

namespace orchid::ops {

const char* name_of(Padding padding) {
  switch (padding) {
    case Padding::zeros:
      return "zeros";
    case Padding::reflect:
      return "reflect";
    case Padding::circular:
      return "circular";
    case Padding::replicate:
      return "replicate";
  }
  return "?";
}

namespace {

/// What both directions share; `wide` is x, `narrow` is y or dy.
template <class Op>
void check_convolution(const Op& op, const Shape& wide, const char* narrow_name,
                       const Tensor& narrow) {
  const Shape& weight = op.weight->shape();
  ORCHID_CHECK(wide.rank() == 3, Op::name, ": x: expected (B, S, C), got ", wide);
  ORCHID_CHECK(weight.rank() == 3, Op::name, ": weight: expected (Cout, Cin / groups, K), got ",
               weight);
  const std::int64_t outputs = weight[0], inputs = weight[1] * op.groups, taps = weight[2];
  ORCHID_CHECK(op.groups >= 1 && outputs % op.groups == 0, Op::name,
               ": groups: expected a divisor of the ", outputs, " outputs, got ", op.groups);
  ORCHID_CHECK(taps >= 1 && taps <= kMaxTaps, Op::name, ": weight: expected 1 to ", kMaxTaps,
               " taps, got ", taps);
  ORCHID_CHECK(op.left >= 0 && op.left < taps, Op::name, ": left: expected 0 to ", taps - 1,
               ", got ", op.left);
  ORCHID_CHECK(op.x_column >= 0 && op.x_column + inputs <= wide[2], Op::name, ": x: expected ",
               inputs, " channels from channel ", op.x_column, " on, got ", wide);
  const std::int64_t pad = std::max(op.left, taps - 1 - op.left);
  ORCHID_CHECK(op.padding != Padding::reflect || wide[1] > pad, Op::name, ": x: reflection by ",
               pad, " needs a longer sequence than ", wide[1], "; choose another padding");
  check_shape(Op::name, narrow_name, narrow, {wide[0], wide[1], outputs});
  check_dtype(Op::name, narrow_name, narrow, op.x->dtype());
  check_dtype(Op::name, "weight", *op.weight, accumulate_type(op.x->dtype()));
}

/// A parameter or its gradient.
void check_parameter(const char* op, const char* operand, const Tensor& tensor, const Tensor& x,
                     const Shape& expected) {
  check_shape(op, operand, tensor, expected);
  check_dtype(op, operand, tensor, accumulate_type(x.dtype()));
}

}  // namespace

void SequenceConv::check() const {
  check_convolution(*this, x->shape(), "y", *y);
  if (bias.defined()) check_parameter(name, "bias", *bias, *x, {weight->shape()[0]});
}

void SequenceConvGrad::check() const {
  check_convolution(*this, x->shape(), "dy", *dy);
  const Shape& wide = x->shape();
  check_shape(name, "dx", *dx, {wide[0], wide[1], weight->shape()[1] * groups});
  check_dtype(name, "dx", *dx, x->dtype());
  check_parameter(name, "dweight", *dweight, *x, weight->shape());
  if (dbias.defined()) check_parameter(name, "dbias", *dbias, *x, {weight->shape()[0]});
}

}  // namespace orchid::ops
