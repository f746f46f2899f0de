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
  ORCHID_CHECK(partners.defined() == shares.defined(), name,
               ": partners: expected with shares, and without them left out");
  if (partners.defined()) {
    check_shape(name, "partners", *partners, {shape[0]});
    check_dtype(name, "partners", *partners, DType::i32);
    check_shape(name, "shares", *shares, {shape[0]});
    check_dtype(name, "shares", *shares, DType::f32);
  }
  ORCHID_CHECK(smoothing >= 0 && smoothing < 1, name, ": smoothing: expected [0, 1), got ",
               smoothing);
  if (!dlogits.defined()) return;
  check_shape(name, "dlogits", *dlogits, shape);
  check_dtype(name, "dlogits", *dlogits, logits->dtype());
}

}  // namespace orchid::ops
