#include "kernels/ops/dropout.h"

namespace orchid::ops {

void Dropout::check() const {
  check_shape(name, "y", *y, x->shape());
  check_dtype(name, "y", *y, x->dtype());
  if (step.defined()) {
    check_shape(name, "step", *step, {1});
    check_dtype(name, "step", *step, DType::i64);
  }
  if (add.defined()) {
    check_shape(name, "add", *add, x->shape());
    check_dtype(name, "add", *add, x->dtype());
  }
  ORCHID_CHECK(span >= 1 && x->count() % span == 0, name, ": span: expected a divisor of the ",
               x->count(), " elements, got ", span);
  ORCHID_CHECK(rate >= 0 && rate < 1, name, ": rate: expected [0, 1), got ", rate);
}

}  // namespace orchid::ops
