#include "kernels/ops/squared_error.h"

namespace orchid::ops {

void SquaredError::check() const {
  const Shape& shape = x->shape();
  ORCHID_CHECK(shape.rank() == 1 || (shape.rank() == 2 && shape[1] == 1), name,
               ": x: expected (R) or (R, 1), got ", shape);
  check_shape(name, "targets", *targets, {shape[0]});
  if (x->dtype() != DType::f64 || targets->dtype() != DType::f64)
    check_dtype(name, "targets", *targets, DType::f32);
  check_shape(name, "loss", *loss, {shape[0]});
  check_dtype(name, "loss", *loss, DType::f64);
  if (!dx.defined()) return;
  check_shape(name, "dx", *dx, shape);
  check_dtype(name, "dx", *dx, x->dtype());
}

}  // namespace orchid::ops
