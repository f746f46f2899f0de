#pragma once

#include "kernels/ops/transform.h"
#include "model/layers/linear.h"
#include "model/mixers/conditioning.h"
#include "model/mixers/mixer.h"
#include "model/mixers/static_filter.h"

namespace orchid::model {

/// The Orchid operator (arXiv 2402.18508): a chain of gates and data-dependent long convolutions.
///   p = x W_in + b_in = [p_0 | ... | p_{order-1} | v];  q = short causal convolution of p
///   y = q_v;  for o = 0 .. order-2:  u = y * q_{order-1-o},  y = T^-1(T(u) H_o) + skip_o u
///   H_o = T(k_o) + h_o(v), k_o the static filter, h_o the conditioning network
///   y = y * q_0 + [T^-1(T(x) T(k_res)) + skip_res x];  out = y W_out + b_out
class OrchidMixer final : public Mixer {
 public:
  OrchidMixer(const Init& init, const OrchidMixerConfig&, std::int64_t width, std::int64_t length);

  Tensor forward(Context&, const Tensor& x, const Tensor& mask, Tape&) const override;
  Tensor backward(Context&, const Tensor& dy, Tape&) override;
  void visit(const std::string& prefix, const Visitor&) override;

 private:
  /// Lengths of one call: of the sequence, of the long convolutions, of the conditioning network.
  struct Lengths {
    std::int64_t sequence, convolution, conditioning;
    double scale;  ///< of the long convolutions
  };
  struct Saved;

  Lengths lengths(std::int64_t sequence) const;
  bool kernel_through_time() const;
  bool short_conv_is_fused(const Context&) const;
  std::vector<Tensor> kernels(Context&, Saved&, Tape&) const;
  Tensor static_spectrum(Context&, const StaticFilter&, const Lengths&, Tape&) const;
  void static_spectrum_grad(Context&, StaticFilter&, const Tensor& dspectrum, const Lengths&,
                            Tape&);
  Tensor kernel_spectrum(Context&, const Tensor& h, const Lengths&) const;
  Tensor kernel_spectrum_grad(Context&, const Tensor& dspectrum, const Shape& h,
                              const Lengths&) const;
  Tensor skip_of(Context&, const Parameter& skip, std::int64_t filter) const;
  Tensor convolve(Context&, const Tensor& x, Saved&) const;
  void convolve_grad(Context&, const Tensor& dy, const Saved&, Tensor& dq, Tensor& dspectra,
                     std::vector<Tensor>& dh);

  OrchidMixerConfig config_;
  std::int64_t width_;
  std::int64_t filters_;  ///< long convolutions in the chain, order - 1
  Linear in_;
  Linear out_;
  Parameter short_weight_;  ///< ((order + 1) D, 1, taps)
  Parameter short_bias_;
  StaticFilter filter_;
  std::unique_ptr<StaticFilter> residual_;
  ConditioningNetwork conditioning_;
};

}  // namespace orchid::model
