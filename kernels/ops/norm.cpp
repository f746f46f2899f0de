#include "kernels/ops/norm.h"

namespace orchid::ops {
namespace {

/// Extents (R, C) of x, whose leading axes count as rows, and the type of its sums.
struct Extents {
  Shape rows;
  Shape columns;
  DType sums;
};

Extents check_matrix(const char* op, const Tensor& x) {
  ORCHID_CHECK(x.shape().rank() > 0 && x.shape().last() > 0, op,
               ": x: expected (R, C) with C >= 1, got ", x.shape());
  return {{x.shape().rows()}, {x.shape().last()}, accumulate_type(x.dtype())};
}

/// An activation like x.
void check_like(const char* op, const char* operand, const Tensor& tensor, const Tensor& x) {
  check_shape(op, operand, tensor, x.shape());
  check_dtype(op, operand, tensor, x.dtype());
}

/// A parameter or a statistic per channel.
void check_channels(const char* op, const char* operand, const Tensor& tensor, const Extents& x) {
  check_shape(op, operand, tensor, x.columns);
  check_dtype(op, operand, tensor, x.sums);
}

/// A statistic per row, in any shape.
void check_row_values(const char* op, const char* operand, const Tensor& tensor, const Extents& x) {
  ORCHID_CHECK(tensor.count() == x.rows.count(), op, ": ", operand, ": expected ", x.rows, ", got ",
               tensor.shape());
  check_dtype(op, operand, tensor, x.sums);
}

}  // namespace

void LayerNorm::check() const {
  const Extents extents = check_matrix(name, *x);
  check_channels(name, "gamma", *gamma, extents);
  check_channels(name, "beta", *beta, extents);
  check_like(name, "y", *y, *x);
  check_row_values(name, "mean", *mean, extents);
  check_row_values(name, "rstd", *rstd, extents);
}

void LayerNormGrad::check() const {
  const Extents extents = check_matrix(name, *x);
  check_like(name, "dy", *dy, *x);
  check_channels(name, "gamma", *gamma, extents);
  check_row_values(name, "mean", *mean, extents);
  check_row_values(name, "rstd", *rstd, extents);
  check_like(name, "dx", *dx, *x);
  check_channels(name, "dgamma", *dgamma, extents);
  check_channels(name, "dbeta", *dbeta, extents);
}

void BatchNorm::check() const {
  const Extents extents = check_matrix(name, *x);
  ORCHID_CHECK(!training || extents.rows.count() >= 2, name,
               ": x: expected at least 2 rows in training, got ", x->shape());
  check_channels(name, "gamma", *gamma, extents);
  check_channels(name, "beta", *beta, extents);
  check_channels(name, "running_mean", *running_mean, extents);
  check_channels(name, "running_var", *running_var, extents);
  check_like(name, "y", *y, *x);
  check_channels(name, "mean", *mean, extents);
  check_channels(name, "rstd", *rstd, extents);
}

void BatchNormGrad::check() const {
  const Extents extents = check_matrix(name, *x);
  check_like(name, "dy", *dy, *x);
  check_channels(name, "gamma", *gamma, extents);
  check_channels(name, "mean", *mean, extents);
  check_channels(name, "rstd", *rstd, extents);
  check_like(name, "dx", *dx, *x);
  check_channels(name, "dgamma", *dgamma, extents);
  check_channels(name, "dbeta", *dbeta, extents);
}

void SequenceSoftmax::check() const {
  ORCHID_CHECK(x->shape().rank() == 3, name, ": x: expected (B, L, C), got ", x->shape());
  check_like(name, "y", *y, *x);
}

void SequenceSoftmaxGrad::check() const {
  ORCHID_CHECK(y->shape().rank() == 3, name, ": y: expected (B, L, C), got ", y->shape());
  check_like(name, "dy", *dy, *y);
  check_like(name, "dx", *dx, *y);
}

}  // namespace orchid::ops
