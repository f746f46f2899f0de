#pragma once

#include "kernels/core/run.h"

namespace orchid::ops {

/// Largest K of ConvNorm.
inline constexpr std::int64_t kMaxConvNormTaps = 7;

/// One layer of a conditioning network at once: a "same" convolution along the sequence, padded
/// with zeros, that makes m = 1 or 2 outputs of each of C = groups channels, and LayerNorm over all
/// Cout = m C outputs of a position, s being x or, with `power`, Power's of the spectrum x:
///   u[b, p, m g + o] = bias + sum_j weight[m g + o, 0, j] s[b, p - (K-1)/2 + j, g]
///   y = (u - mean) rstd gamma + beta
/// u is not kept. Beside x in bf16, y and all parameters and statistics are f32. All but y are in
/// the order of groups; y is too, unless `planar`.
struct ConvNorm {
  static constexpr const char* name = "conv_norm";
  In x;  ///< (B, S, >= x_column + C); with power (B, S, 2C planar), or (B, S, C) if not complex
  In weight;          ///< (Cout, 1, K), K odd
  OptionalIn bias{};  ///< (Cout)
  In gamma;           ///< (Cout)
  In beta;            ///< (Cout)
  Out y;              ///< (B, S, Cout)
  Out mean;           ///< (B S)
  Out rstd;           ///< (B S)
  std::int64_t groups = 1;
  std::int64_t x_column = 0;
  bool power = false;
  bool complex = true;  ///< of power
  bool planar = false;  ///< m = 2: the outputs of group c are channels c and C + c of y
  double eps = 1e-5;

  ORCHID_OPERANDS(x, weight, bias, gamma, beta, y, mean, rstd)
  double flops() const {
    return 2.0 * static_cast<double>(y->shape().rows()) * static_cast<double>(weight->count());
  }
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// Gradients, u computed again. Fields as in ConvNorm.
struct ConvNormGrad {
  static constexpr const char* name = "conv_norm_grad";
  In dy;
  In x;
  In weight;
  OptionalIn bias{};
  In gamma;
  In mean;
  In rstd;
  Out dx;  ///< (B, S, C) of x's type; with power as x
  Acc dweight;
  OptionalAcc dbias{};
  Acc dgamma;
  Acc dbeta;
  std::int64_t groups = 1;
  std::int64_t x_column = 0;
  bool power = false;
  bool complex = true;
  bool planar = false;

  ORCHID_OPERANDS(dy, x, weight, bias, gamma, mean, rstd, dx, dweight, dbias, dgamma, dbeta)
  double flops() const {
    return 6.0 * static_cast<double>(dy->shape().rows()) * static_cast<double>(weight->count());
  }
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

}  // namespace orchid::ops
