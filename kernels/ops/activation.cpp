#include "kernels/ops/activation.h"

namespace orchid::ops {
namespace {

void check_gate(const char* op, const Tensor& wide, const Tensor& narrow, const char* narrow_name) {
  const Shape& shape = wide.shape();
  ORCHID_CHECK(shape.rank() > 0 && shape.last() % 2 == 0, op, ": x: expected (R, 2I), got ", shape);
  check_shape(op, narrow_name, narrow, shape.with_last(shape.last() / 2));
}

void check_spectrum(const char* op, const Tensor& z, bool complex) {
  ORCHID_CHECK(!complex || (z.shape().rank() > 0 && z.shape().last() % 2 == 0), op,
               ": z: expected (B, F, 2D) planar, got ", z.shape());
}

}  // namespace

const char* name_of(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::identity:
      return "identity";
    case ActivationKind::gelu:
      return "gelu";
    case ActivationKind::relu:
      return "relu";
    case ActivationKind::tanh:
      return "tanh";
    case ActivationKind::silu:
      return "silu";
    case ActivationKind::sigmoid:
      return "sigmoid";
    case ActivationKind::softplus:
      return "softplus";
    case ActivationKind::rational:
      return "rational";
    case ActivationKind::softshrink:
      return "softshrink";
    case ActivationKind::shifted_sigmoid:
      return "shifted_sigmoid";
  }
  return "?";
}

void Activation::check() const {
  check_shape(name, "y", *y, x->shape());
}

void ActivationGrad::check() const {
  check_shape(name, "dy", *dy, x->shape());
  check_shape(name, "dx", *dx, x->shape());
}

void GatedGelu::check() const {
  check_gate(name, *x, *y, "y");
}

void GatedGeluGrad::check() const {
  check_gate(name, *x, *dy, "dy");
  check_shape(name, "dx", *dx, x->shape());
}

void SpectralActivation::check() const {
  check_spectrum(name, *z, complex);
  check_shape(name, "y", *y, z->shape());
}

void SpectralActivationGrad::check() const {
  check_spectrum(name, *z, complex);
  check_shape(name, "dy", *dy, z->shape());
  check_shape(name, "dz", *dz, z->shape());
}

}  // namespace orchid::ops
