#include "kernels/ops/dropout.h"

namespace orchid::ops {

void Dropout::check() const {
  check_shape(name, "y", *y, x->shape());
  check_dtype(name, "y", *y, x->dtype());
  if (step.defined()) {
    check_shape(name, "step", *step, {1});
    check_dtype(name, "step", *step, DType::i64);
  }
  ORCHID_CHECK(rate >= 0 && rate < 1, name, ": rate: expected [0, 1), got ", rate);
}

}  // namespace orchid::ops
