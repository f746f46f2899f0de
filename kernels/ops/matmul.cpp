#include "kernels/ops/matmul.h"

namespace orchid::ops {
namespace {

void check_product(const char* op, const Tensor& a, const Tensor& b, const Tensor& c,
                   bool transpose_a, bool transpose_b) {
  for (const Tensor* matrix : {&a, &b, &c})
    ORCHID_CHECK(matrix->shape().rank() > 0, op, ": expected a matrix, got a scalar");
  const Shape &sa = a.shape(), &sb = b.shape(), &sc = c.shape();
  const std::int64_t k = transpose_a ? sa.rows() : sa.last();
  const std::int64_t k_of_b = transpose_b ? sb.last() : sb.rows();
  const char* const form_of_a = transpose_a ? "a^T" : "a";
  const char* const form_of_b = transpose_b ? "b^T" : "b";
  ORCHID_CHECK(k == k_of_b, op, ": inner extents of ", form_of_a, " ", form_of_b, ": expected ", k,
               ", got ", k_of_b, " (a ", sa, ", b ", sb, ")");
  const std::int64_t m = transpose_a ? sa.last() : sa.rows();
  const std::int64_t n = transpose_b ? sb.rows() : sb.last();
  ORCHID_CHECK(sc.rows() == m && sc.last() == n, op, ": c: expected ", Shape{m, n},
               " or leading axes of ", m, ", got ", sc);
}

/// x (R, b p), weight (b, q, p), y (R, b q).
void check_blocks(const char* op, const Tensor& x, const Tensor& weight, const char* y_name,
                  const Tensor& y) {
  const Shape& w = weight.shape();
  ORCHID_CHECK(w.rank() == 3, op, ": weight: expected (b, q, p), got ", w);
  ORCHID_CHECK(x.shape().rank() > 0 && x.shape().last() == w[0] * w[2], op, ": x: expected ",
               w[0] * w[2], " columns for weight ", w, ", got ", x.shape());
  check_shape(op, y_name, y, x.shape().with_last(w[0] * w[1]));
  check_dtype(op, "weight", weight, x.dtype());
  check_dtype(op, y_name, y, x.dtype());
}

}  // namespace

void Matmul::check() const {
  check_product(name, *a, *b, *c, transpose_a, transpose_b);
  check_dtype(name, "b", *b, a->dtype());
  check_dtype(name, "c", *c, a->dtype());
  if (!bias.defined()) return;
  check_shape(name, "bias", *bias, {c->shape().last()});
  check_dtype(name, "bias", *bias, accumulate_type(a->dtype()));
}

void MatmulAccumulate::check() const {
  check_product(name, *a, *b, *c, transpose_a, transpose_b);
  check_dtype(name, "b", *b, a->dtype());
  check_dtype(name, "c", *c, accumulate_type(a->dtype()));
  if (!a_sums.defined()) return;
  ORCHID_CHECK(transpose_a, name, ": a_sums: expected a product with transpose_a");
  check_shape(name, "a_sums", *a_sums, {a->shape().last()});
  check_dtype(name, "a_sums", *a_sums, accumulate_type(a->dtype()));
}

void BlockDiagonal::check() const {
  check_blocks(name, *x, *weight, "y", *y);
  if (!bias.defined()) return;
  check_shape(name, "bias", *bias, {y->shape().last()});
  check_dtype(name, "bias", *bias, accumulate_type(x->dtype()));
}

void BlockDiagonalGrad::check() const {
  check_blocks(name, *x, *weight, "dy", *dy);
  const DType sums = accumulate_type(x->dtype());
  check_shape(name, "dx", *dx, x->shape());
  check_dtype(name, "dx", *dx, x->dtype());
  check_shape(name, "dweight", *dweight, weight->shape());
  check_dtype(name, "dweight", *dweight, sums);
  if (!dbias.defined()) return;
  check_shape(name, "dbias", *dbias, {dy->shape().last()});
  check_dtype(name, "dbias", *dbias, sums);
}

}  // namespace orchid::ops
