#pragma once

#include <memory>
#include <vector>

#include "kernels/ops/activation.h"
#include "model/mixers/conditioning_stack.h"

namespace orchid::model {

/// sigma of the correlation kernel: "tanh", "gelu_abs", "softmax", "softshrink+0.5", "sigmoid+1".
struct Sigma {
  ops::ActivationKind kind = ops::ActivationKind::identity;
  double parameter = 0;
  bool magnitude = false;  ///< NAME_abs: sigma(|z|) z / |z|
  bool softmax = false;    ///< over time, on q before the transform

  /// Throws a usage Error that lists the choices.
  static Sigma parse(const std::string& text);
  bool identity() const { return kind == ops::ActivationKind::identity && !softmax; }
};

/// The network that makes the data-dependent kernels from v (paper Eq. 2 and 3), in the spectrum:
///   phase        h = stack_f( |T(stack_t(v))|^2 )       (cosine: |.|, Fourier: squared)
///   frequency    h = stack_f( T(stack_t(v)) )
///   correlation  h = stack_f( conj(T(stack_k(v))) sigma(T(stack_q(v))) )
/// `conditioning` leaves out stack_t (f) or stack_f (t, mlp).
class ConditioningNetwork {
 public:
  ConditioningNetwork(const Init& init, const OrchidMixerConfig&, std::int64_t width);

  /// v: channels [column, column + D) of p (B, L, ...). Returns one spectrum per convolution,
  /// (B, F, C) of transform length N, planar; or (B, F, D) real where no phase is made.
  std::vector<Tensor> forward(Context&, const Tensor& p, std::int64_t column, std::int64_t length,
                              Tape&) const;
  /// dv (B, L, D) from the gradients of those spectra.
  Tensor backward(Context&, const std::vector<Tensor>& dh, Tape&);
  void visit(const std::string& prefix, const Visitor&);

 private:
  Tensor forward_spectrum(Context&, const Tensor& p, std::int64_t column, std::int64_t length,
                          Tape&) const;
  Tensor forward_correlation(Context&, const Tensor& p, std::int64_t column, std::int64_t length,
                             Tape&) const;
  Tensor backward_spectrum(Context&, const Tensor& dz, Tape&);
  Tensor backward_correlation(Context&, const Tensor& dz, Tape&);
  bool power_is_fused(const Context&) const;
  bool reads(const Context&, DType activations) const;
  Tensor in_full_precision(Context&, const Tensor& p, std::int64_t column) const;
  Tensor transform(Context&, const Tensor& x, std::int64_t length) const;
  Tensor transform_grad(Context&, const Tensor& dspectrum, std::int64_t time_steps,
                        std::int64_t length) const;

  OrchidMixerConfig config_;
  std::int64_t width_;
  std::int64_t filters_;
  bool fourier_;
  bool complex_output_;  ///< the kernels are complex
  Sigma sigma_;
  std::unique_ptr<ConditioningStack> time_;    ///< of phase and frequency
  std::unique_ptr<ConditioningStack> time_k_;  ///< of correlation
  std::unique_ptr<ConditioningStack> time_q_;
  std::unique_ptr<ConditioningStack> frequency_;
};

}  // namespace orchid::model
