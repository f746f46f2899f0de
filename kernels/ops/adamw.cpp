#include "kernels/ops/adamw.h"

namespace orchid::ops {

void AdamW::check() const {
  check_shape(name, "grad", *grad, value->shape());
  check_shape(name, "m", *m, value->shape());
  check_shape(name, "v", *v, value->shape());
  ORCHID_CHECK(step >= 1, name, ": step: expected at least 1, got ", step);
  ORCHID_CHECK(beta1 >= 0 && beta1 < 1, name, ": beta1: expected [0, 1), got ", beta1);
  ORCHID_CHECK(beta2 >= 0 && beta2 < 1, name, ": beta2: expected [0, 1), got ", beta2);
}

void SumOfSquares::check() const {
  check_shape(name, "result", *result, {1});
}

}  // namespace orchid::ops
