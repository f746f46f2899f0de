#include "kernels/ops/dropout.h"

namespace orchid::ops {

void Dropout::check() const {
  check_shape(name, "y", *y, x->shape());
  ORCHID_CHECK(rate >= 0 && rate < 1, name, ": rate: expected [0, 1), got ", rate);
}

}  // namespace orchid::ops
