#pragma once

#include "kernels/core/run.h"

namespace orchid::ops {

/// Scalar functions f(x). `parameter` is used by the last two only.
///   gelu        x Phi(x), exact (erf)            silu      x sigmoid(x)
///   softplus    log(1 + exp(x))                  rational  x / (x + 1)
///   softshrink  sign(x) max(|x| - parameter, 0)  shifted_sigmoid  sigmoid(x - parameter)
enum class ActivationKind {
  identity,
  gelu,
  relu,
  tanh,
  silu,
  sigmoid,
  softplus,
  rational,
  softshrink,
  shifted_sigmoid,
};

const char* name_of(ActivationKind);

/// y = f(x), elementwise; y may be x.
struct Activation {
  static constexpr const char* name = "activation";
  In x;
  Out y;  ///< shape of x
  ActivationKind kind = ActivationKind::gelu;
  double parameter = 0;

  ORCHID_OPERANDS(x, y)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// dx = f'(x) dy; dx may be dy.
struct ActivationGrad {
  static constexpr const char* name = "activation_grad";
  In dy;
  In x;
  Out dx;
  ActivationKind kind = ActivationKind::gelu;
  double parameter = 0;

  ORCHID_OPERANDS(dy, x, dx)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// The gate of a GLU: y = gelu(x[:, :I]) * x[:, I:], exact GELU.
struct GatedGelu {
  static constexpr const char* name = "gated_gelu";
  In x;   ///< (R, 2I)
  Out y;  ///< (R, I)

  ORCHID_OPERANDS(x, y)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

struct GatedGeluGrad {
  static constexpr const char* name = "gated_gelu_grad";
  In dy;   ///< (R, I)
  In x;    ///< (R, 2I)
  Out dx;  ///< (R, 2I)

  ORCHID_OPERANDS(dy, x, dx)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// sigma on a spectrum z = Re + i Im (planar) or real z:
///   magnitude = false: f on Re and on Im separately (or on the value)
///   magnitude = true:  f(|z|) z / max(|z|, 1e-6)
struct SpectralActivation {
  static constexpr const char* name = "spectral_activation";
  In z;   ///< (B, F, 2D planar), or (B, F, D) if not complex
  Out y;  ///< shape of z
  bool complex = true;
  bool magnitude = false;
  ActivationKind kind = ActivationKind::tanh;
  double parameter = 0;

  ORCHID_OPERANDS(z, y)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

struct SpectralActivationGrad {
  static constexpr const char* name = "spectral_activation_grad";
  In dy;
  In z;
  Out dz;
  bool complex = true;
  bool magnitude = false;
  ActivationKind kind = ActivationKind::tanh;
  double parameter = 0;

  ORCHID_OPERANDS(dy, z, dz)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

}  // namespace orchid::ops
