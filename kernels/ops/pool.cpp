#include "kernels/ops/pool.h"

namespace orchid::ops {
namespace {

/// `sequence` (B, L, D), `mask` (B, L) where it is not null, and `mean` (B, D) fit.
struct Pooled {
  const Tensor& sequence;
  const char* sequence_name;
  const Tensor* mask;
  const Tensor& mean;
  const char* mean_name;
};

void check_pooled(const char* op, const Pooled& p) {
  const Shape& shape = p.sequence.shape();
  ORCHID_CHECK(shape.rank() == 3, op, ": ", p.sequence_name, ": expected (B, L, D), got ", shape);
  check_shape(op, p.mean_name, p.mean, {shape[0], shape[2]});
  check_dtype(op, p.mean_name, p.mean, p.sequence.dtype());
  if (!p.mask) return;
  check_shape(op, "mask", *p.mask, {shape[0], shape[1]});
  check_dtype(op, "mask", *p.mask, DType::u8);
}

}  // namespace

void MeanPool::check() const {
  check_pooled(name, {*x, "x", mask.tensor, *y, "y"});
}

void MeanPoolGrad::check() const {
  check_pooled(name, {*dx, "dx", mask.tensor, *dy, "dy"});
}

}  // namespace orchid::ops
