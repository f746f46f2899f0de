#include "kernels/ops/activation.h"

namespace orchid::ops {
namespace {

void check_gate(const char* op, const Tensor& wide, const Tensor& narrow, const char* narrow_name) {
  const Shape& shape = wide.shape();
  ORCHID_CHECK(shape.rank() > 0 && shape.last() % 2 == 0, op, ": x: expected (R, 2I), got ", shape);
  check_shape(op, narrow_name, narrow, shape.with_last(shape.last() / 2));
  check_dtype(op, narrow_name, narrow, wide.dtype());
}

/// Same shape and type.
void check_like(const char* op, const char* operand, const Tensor& tensor, const Tensor& model) {
  check_shape(op, operand, tensor, model.shape());
  check_dtype(op, operand, tensor, model.dtype());
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
  check_like(name, "y", *y, *x);
}

void ActivationGrad::check() const {
  check_like(name, "dy", *dy, *x);
  check_like(name, "dx", *dx, *x);
}

void GatedGelu::check() const {
  check_gate(name, *x, *y, "y");
}

void GatedGeluGrad::check() const {
  check_gate(name, *x, *dy, "dy");
  check_like(name, "dx", *dx, *x);
}

void SpectralActivation::check() const {
  check_spectrum(name, *z, complex);
  check_like(name, "y", *y, *z);
}

void SpectralActivationGrad::check() const {
  check_spectrum(name, *z, complex);
  check_like(name, "dy", *dy, *z);
  check_like(name, "dz", *dz, *z);
}

}  // namespace orchid::ops
