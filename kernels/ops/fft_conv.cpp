#include "kernels/ops/fft_conv.h"

namespace orchid::ops {
namespace {

/// What the operands of one op must agree with.
struct Expected {
  const char* op;
  std::int64_t batch, samples, width;
  TransformKind kind;
  std::int64_t length;
  DType dtype;

  std::int64_t bins() const { return spectrum_bins(kind, length); }
  std::int64_t channels() const { return spectrum_channels(kind, width); }
};

/// From the operand that is exactly (B, L, D).
Expected expected_from(const char* op, const char* name, const Tensor& signal, TransformKind kind,
                       std::int64_t length) {
  const Shape& shape = signal.shape();
  ORCHID_CHECK(shape.rank() == 3 && shape.count() > 0, op, ": ", name, ": expected (B, L, D), got ",
               shape);
  ORCHID_CHECK(length >= shape[1], op, ": length: expected at least L = ", shape[1], ", got ",
               length);
  ORCHID_CHECK(is_fourier(kind) || length == shape[1], op, ": length: expected L = ", shape[1],
               " for ", name_of(kind), ", got ", length);
  return {op, shape[0], shape[1], shape[2], kind, length, signal.dtype()};
}

/// An activation of exactly this shape.
void check_exact(const Expected& e, const char* name, const Tensor* tensor, const Shape& shape) {
  if (!tensor) return;
  check_dtype(e.op, name, *tensor, e.dtype);
  check_shape(e.op, name, *tensor, shape);
}

/// A spectrum or parameter of exactly this shape.
void check_precise(const Expected& e, const char* name, const Tensor* tensor, const Shape& shape) {
  if (!tensor) return;
  check_dtype(e.op, name, *tensor, accumulate_type(e.dtype));
  check_shape(e.op, name, *tensor, shape);
}

/// (B, L, at least column + D)
void check_columns(const Expected& e, const char* name, const Tensor* tensor, std::int64_t column) {
  if (!tensor) return;
  check_dtype(e.op, name, *tensor, e.dtype);
  const Shape& shape = tensor->shape();
  ORCHID_CHECK(shape.rank() == 3 && shape[0] == e.batch && shape[1] == e.samples && column >= 0 &&
                   shape[2] >= column + e.width,
               e.op, ": ", name, ": expected (", e.batch, ", ", e.samples, ", at least ",
               column + e.width, ") for columns from ", column, " on, got ", shape);
}

/// (B, F, C), or (B, F, D) for a real spectrum.
void check_kernel(const Expected& e, const char* name, const Tensor* tensor) {
  if (!tensor) return;
  check_dtype(e.op, name, *tensor, accumulate_type(e.dtype));
  const Shape full{e.batch, e.bins(), e.channels()}, real{e.batch, e.bins(), e.width};
  ORCHID_CHECK(tensor->shape() == full || tensor->shape() == real, e.op, ": ", name, ": expected ",
               full, " or, zero phase, ", real, "; got ", tensor->shape());
}

void check_pair(const char* op, const char* gradient, bool has_gradient, const char* operand,
                bool has_operand) {
  ORCHID_CHECK(has_operand || !has_gradient, op, ": ", gradient, ": given without ", operand);
}

/// x and the gates are columns of one tensor, which the weights fit.
template <class Op>
void check_short(const Expected& e, const Op& op) {
  ORCHID_CHECK(op.short_weight.defined() || !op.short_bias.defined(), e.op,
               ": short_bias: given without short_weight");
  if (!op.short_weight.defined()) return;
  const Shape &p = op.x->shape(), &weight = op.short_weight->shape();
  ORCHID_CHECK(weight.rank() == 3 && weight[0] == p[2] && weight[1] == 1 && weight[2] >= 1 &&
                   weight[2] <= kMaxShortTaps,
               e.op, ": short_weight: expected (", p[2], ", 1, 1 to ", kMaxShortTaps, "), got ",
               weight);
  check_precise(e, "short_weight", op.short_weight.tensor, weight);
  check_precise(e, "short_bias", op.short_bias.tensor, {p[2]});
  const auto check_columns_of_p = [&](const char* name, const OptionalIn& gate) {
    if (!gate.defined()) return;
    ORCHID_CHECK(gate->raw() == op.x->raw() && gate->shape() == p, e.op, ": ", name,
                 ": expected columns of the tensor that x is of, as short_weight is given");
  };
  check_columns_of_p("gate_in", op.gate_in);
  check_columns_of_p("gate_out", op.gate_out);
}

}  // namespace

void FftConv::check() const {
  const Expected e = expected_from(name, "y", *y, kind, length);
  check_columns(e, "x", x.tensor, x_column);
  check_columns(e, "gate_in", gate_in.tensor, gate_in_column);
  check_precise(e, "h0", h0.tensor, {e.bins(), e.channels()});
  check_kernel(e, "h", h.tensor);
  check_precise(e, "skip", skip.tensor, {e.width});
  check_columns(e, "gate_out", gate_out.tensor, gate_out_column);
  check_exact(e, "add", add.tensor, y->shape());
  check_exact(e, "c", c.tensor, y->shape());
  check_short(e, *this);
}

void FftConvGrad::check() const {
  const Expected e = expected_from(name, "dy", *dy, kind, length);
  check_columns(e, "x", x.tensor, x_column);
  check_columns(e, "gate_in", gate_in.tensor, gate_in_column);
  check_precise(e, "h0", h0.tensor, {e.bins(), e.channels()});
  check_kernel(e, "h", h.tensor);
  check_precise(e, "skip", skip.tensor, {e.width});
  check_columns(e, "gate_out", gate_out.tensor, gate_out_column);
  check_exact(e, "c", c.tensor, dy->shape());
  check_short(e, *this);

  check_exact(e, "dx", dx.tensor, x->shape());
  check_pair(name, "dgate_in", dgate_in.defined(), "gate_in", gate_in.defined());
  check_exact(e, "dgate_in", dgate_in.tensor, dgate_in.defined() ? gate_in->shape() : Shape{});
  check_pair(name, "dgate_out", dgate_out.defined(), "gate_out", gate_out.defined());
  check_pair(name, "dgate_out", dgate_out.defined(), "c", c.defined());
  check_exact(e, "dgate_out", dgate_out.tensor, dgate_out.defined() ? gate_out->shape() : Shape{});
  check_precise(e, "dh0", dh0.tensor, h0->shape());
  check_pair(name, "dh", dh.defined(), "h", h.defined());
  check_precise(e, "dh", dh.tensor, dh.defined() ? h->shape() : Shape{});
  check_pair(name, "dskip", dskip.defined(), "skip", skip.defined());
  check_precise(e, "dskip", dskip.tensor, {e.width});
}

}  // namespace orchid::ops
