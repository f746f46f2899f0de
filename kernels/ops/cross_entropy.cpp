#include "kernels/ops/cross_entropy.h"

namespace orchid::ops {

void CrossEntropy::check() const {
  const Shape& shape = logits->shape();
  ORCHID_CHECK(shape.rank() == 2 && shape[1] >= 1, name, ": logits: expected (M, V), got ", shape);
  check_shape(name, "targets", *targets, {shape[0]});
  check_shape(name, "loss", *loss, {shape[0]});
  check_shape(name, "correct", *correct, {shape[0]});
  if (dlogits.defined()) check_shape(name, "dlogits", *dlogits, shape);
}

}  // namespace orchid::ops
