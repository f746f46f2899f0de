#include "kernels/ops/arithmetic.h"

namespace orchid::ops {
namespace {

/// `narrow` is `wide` cut to columns [column, column + C).
void check_columns(const char* op, const Tensor& wide, const Tensor& narrow, std::int64_t column) {
  const Shape &from = wide.shape(), &to = narrow.shape();
  ORCHID_CHECK(from.rank() > 0 && to.rank() > 0, op, ": expected columns, got a scalar");
  ORCHID_CHECK(from.rows() == to.rows(), op, ": rows: ", from, " has ", from.rows(), ", ", to,
               " has ", to.rows());
  ORCHID_CHECK(column >= 0 && column + to.last() <= from.last(), op, ": columns [", column, ", ",
               column + to.last(), ") of ", from);
  ORCHID_CHECK(wide.dtype() == narrow.dtype(), op, ": expected one element type, got ",
               name_of(wide.dtype()), " and ", name_of(narrow.dtype()));
}

}  // namespace

void Fill::check() const {}

void Add::check() const {
  check_shape(name, "b", *b, a->shape());
  check_dtype(name, "b", *b, a->dtype());
  check_shape(name, "y", *y, a->shape());
  check_dtype(name, "y", *y, a->dtype());
}

void AddScaled::check() const {
  check_shape(name, "y", *y, x->shape());
  check_dtype(name, "y", *y, x->dtype());
}

void CopyColumns::check() const {
  check_columns(name, *x, *y, column);
}

void AddColumns::check() const {
  check_columns(name, *y, *x, column);
}

void MaskRows::check() const {
  const Shape& shape = x->shape();
  ORCHID_CHECK(shape.rank() == 3, name, ": x: expected (B, L, D), got ", shape);
  check_shape(name, "mask", *mask, {shape[0], shape[1]});
  check_dtype(name, "mask", *mask, DType::u8);
  check_shape(name, "y", *y, shape);
  check_dtype(name, "y", *y, x->dtype());
}

void Cast::check() const {
  check_shape(name, "y", *y, x->shape());
}

void AddScore::check() const {
  ORCHID_CHECK(loss->shape().rank() == 1, name, ": loss: expected (M), got ", loss->shape());
  check_dtype(name, "loss", *loss, DType::f64);
  check_shape(name, "sums", *sums, {2});
  check_dtype(name, "sums", *sums, DType::f64);
  if (!correct.defined()) return;
  check_shape(name, "correct", *correct, loss->shape());
  check_dtype(name, "correct", *correct, DType::i32);
}

}  // namespace orchid::ops
