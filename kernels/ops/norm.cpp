#include "kernels/ops/norm.h"

namespace orchid::ops {
namespace {

/// Extents (R, C) of x, whose leading axes count as rows.
struct Extents {
  Shape rows;
  Shape columns;
};

Extents check_matrix(const char* op, const Tensor& x) {
  ORCHID_CHECK(x.shape().rank() > 0 && x.shape().last() > 0, op,
               ": x: expected (R, C) with C >= 1, got ", x.shape());
  return {{x.shape().rows()}, {x.shape().last()}};
}

void check_count(const char* op, const char* operand, const Tensor& tensor, const Shape& expected) {
  ORCHID_CHECK(tensor.count() == expected.count(), op, ": ", operand, ": expected ", expected,
               ", got ", tensor.shape());
}

}  // namespace

void LayerNorm::check() const {
  const auto [rows, columns] = check_matrix(name, *x);
  check_shape(name, "gamma", *gamma, columns);
  check_shape(name, "beta", *beta, columns);
  check_shape(name, "y", *y, x->shape());
  check_count(name, "mean", *mean, rows);
  check_count(name, "rstd", *rstd, rows);
}

void LayerNormGrad::check() const {
  const auto [rows, columns] = check_matrix(name, *x);
  check_shape(name, "dy", *dy, x->shape());
  check_shape(name, "gamma", *gamma, columns);
  check_count(name, "mean", *mean, rows);
  check_count(name, "rstd", *rstd, rows);
  check_shape(name, "dx", *dx, x->shape());
  check_shape(name, "dgamma", *dgamma, columns);
  check_shape(name, "dbeta", *dbeta, columns);
}

void BatchNorm::check() const {
  const auto [rows, columns] = check_matrix(name, *x);
  ORCHID_CHECK(!training || rows.count() >= 2, name,
               ": x: expected at least 2 rows in training, got ", x->shape());
  check_shape(name, "gamma", *gamma, columns);
  check_shape(name, "beta", *beta, columns);
  check_shape(name, "running_mean", *running_mean, columns);
  check_shape(name, "running_var", *running_var, columns);
  check_shape(name, "y", *y, x->shape());
  check_shape(name, "mean", *mean, columns);
  check_shape(name, "rstd", *rstd, columns);
}

void BatchNormGrad::check() const {
  const auto [rows, columns] = check_matrix(name, *x);
  check_shape(name, "dy", *dy, x->shape());
  check_shape(name, "gamma", *gamma, columns);
  check_shape(name, "mean", *mean, columns);
  check_shape(name, "rstd", *rstd, columns);
  check_shape(name, "dx", *dx, x->shape());
  check_shape(name, "dgamma", *dgamma, columns);
  check_shape(name, "dbeta", *dbeta, columns);
}

void SequenceSoftmax::check() const {
  ORCHID_CHECK(x->shape().rank() == 3, name, ": x: expected (B, L, C), got ", x->shape());
  check_shape(name, "y", *y, x->shape());
}

void SequenceSoftmaxGrad::check() const {
  ORCHID_CHECK(y->shape().rank() == 3, name, ": y: expected (B, L, C), got ", y->shape());
  check_shape(name, "dy", *dy, y->shape());
  check_shape(name, "dx", *dx, y->shape());
}

}  // namespace orchid::ops
