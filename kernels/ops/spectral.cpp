#include "kernels/ops/spectral.h"

namespace orchid::ops {
namespace {

/// `shape`, (B, F, C), with `factor` C channels.
Shape with_channels(const char* op, const char* operand, const Shape& shape, std::int64_t factor) {
  ORCHID_CHECK(shape.rank() == 3, op, ": ", operand, ": expected (B, F, channels), got ", shape);
  return {shape[0], shape[1], factor * shape[2]};
}

void check_planar(const char* op, const char* operand, const Tensor& tensor, bool complex) {
  const Shape& shape = tensor.shape();
  ORCHID_CHECK(shape.rank() == 3 && (!complex || shape[2] % 2 == 0), op, ": ", operand,
               ": expected (B, F, ", complex ? "2D" : "D", "), got ", shape);
}

/// `one` belongs to one of the filters of `all`.
template <class Op>
void check_filter(const Op& op, const Tensor& one, const char* one_name, const Tensor& all,
                  const char* all_name) {
  check_dtype(Op::name, one_name, one, all.dtype());
  check_planar(Op::name, one_name, one, op.complex);
  ORCHID_CHECK(op.filters >= 1 && op.filter >= 0 && op.filter < op.filters, Op::name,
               ": filter: expected 0 to ", op.filters - 1, ", got ", op.filter);
  check_shape(Op::name, all_name, all, with_channels(Op::name, one_name, one.shape(), op.filters));
}

/// Of the type of `like`.
void check_same(const char* op, const char* operand, const Tensor& tensor, const Tensor& like) {
  check_dtype(op, operand, tensor, like.dtype());
}

}  // namespace

void Power::check() const {
  check_same(name, "s", *s, *z);
  check_shape(name, "z", *z, with_channels(name, "s", s->shape(), complex ? 2 : 1));
}

void PowerGrad::check() const {
  check_same(name, "ds", *ds, *z);
  check_same(name, "dz", *dz, *z);
  check_shape(name, "z", *z, with_channels(name, "ds", ds->shape(), complex ? 2 : 1));
  check_shape(name, "dz", *dz, z->shape());
}

void ConjugateProduct::check() const {
  check_same(name, "q", *q, *k);
  check_same(name, "y", *y, *k);
  check_planar(name, "k", *k, complex);
  check_shape(name, "q", *q, k->shape());
  check_shape(name, "y", *y, k->shape());
}

void ConjugateProductGrad::check() const {
  check_same(name, "dy", *dy, *k);
  check_same(name, "q", *q, *k);
  check_same(name, "dk", *dk, *k);
  check_same(name, "dq", *dq, *k);
  check_planar(name, "k", *k, complex);
  check_shape(name, "dy", *dy, k->shape());
  check_shape(name, "q", *q, k->shape());
  check_shape(name, "dk", *dk, k->shape());
  check_shape(name, "dq", *dq, k->shape());
}

void SelectFilter::check() const {
  check_filter(*this, *h, "h", *z, "z");
}

void SelectFilterGrad::check() const {
  check_filter(*this, *dh, "dh", *dz, "dz");
}

}  // namespace orchid::ops
