#include "kernels/ops/cross_entropy.h"

namespace orchid::ops {

void CrossEntropy::check() const {
  const Shape& shape = logits->shape();
  ORCHID_CHECK(shape.rank() == 2 && shape[1] >= 1, name, ": logits: expected (M, V), got ", shape);
  check_shape(name, "targets", *targets, {shape[0]});
  check_shape(name, "loss", *loss, {shape[0]});
  check_shape(name, "correct", *correct, {shape[0]});
  check_dtype(name, "targets", *targets, DType::i32);
  check_dtype(name, "loss", *loss, DType::f64);
  check_dtype(name, "correct", *correct, DType::i32);
  if (!dlogits.defined()) return;
  check_shape(name, "dlogits", *dlogits, shape);
  check_dtype(name, "dlogits", *dlogits, logits->dtype());
}

}  // namespace orchid::ops
