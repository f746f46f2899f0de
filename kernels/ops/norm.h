#pragma once

#include "kernels/core/run.h"

namespace orchid::ops {

/// y = (x - mean) * rstd * gamma + beta over the last axis, rstd = 1 / sqrt(var + eps), biased
/// variance. mean and rstd are kept for the gradient.
struct LayerNorm {
  static constexpr const char* name = "layer_norm";
  In x;      ///< (R, C)
  In gamma;  ///< (C)
  In beta;   ///< (C)
  Out y;     ///< (R, C)
  Out mean;  ///< (R)
  Out rstd;  ///< (R)
  double eps = 1e-5;

  ORCHID_OPERANDS(x, gamma, beta, y, mean, rstd)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// With n = (x - mean) rstd and g = gamma dy, means over a row:
///   dx = rstd (g - mean(g) - n mean(g n)), dgamma += sum dy n, dbeta += sum dy.
struct LayerNormGrad {
  static constexpr const char* name = "layer_norm_grad";
  In dy;       ///< (R, C)
  In x;        ///< (R, C)
  In gamma;    ///< (C)
  In mean;     ///< (R)
  In rstd;     ///< (R)
  Out dx;      ///< (R, C); may be dy
  Acc dgamma;  ///< (C)
  Acc dbeta;   ///< (C)

  ORCHID_OPERANDS(dy, x, gamma, mean, rstd, dx, dgamma, dbeta)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// The same over all rows, per channel. Training: batch statistics, and the running ones move by
/// running += momentum (batch - running), with the unbiased variance. Evaluation: running ones.
struct BatchNorm {
  static constexpr const char* name = "batch_norm";
  In x;              ///< (R, C)
  In gamma;          ///< (C)
  In beta;           ///< (C)
  Acc running_mean;  ///< (C)
  Acc running_var;   ///< (C)
  Out y;             ///< (R, C)
  Out mean;          ///< (C) used in this call
  Out rstd;          ///< (C)
  double eps = 1e-5;
  double momentum = 0.1;
  bool training = true;

  ORCHID_OPERANDS(x, gamma, beta, running_mean, running_var, y, mean, rstd)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// training: the batch statistics depend on x; otherwise dx = gamma rstd dy.
struct BatchNormGrad {
  static constexpr const char* name = "batch_norm_grad";
  In dy;       ///< (R, C)
  In x;        ///< (R, C)
  In gamma;    ///< (C)
  In mean;     ///< (C)
  In rstd;     ///< (C)
  Out dx;      ///< (R, C)
  Acc dgamma;  ///< (C)
  Acc dbeta;   ///< (C)
  bool training = true;

  ORCHID_OPERANDS(dy, x, gamma, mean, rstd, dx, dgamma, dbeta)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// y = softmax of x over the sequence axis, per sample and channel.
struct SequenceSoftmax {
  static constexpr const char* name = "sequence_softmax";
  In x;   ///< (B, L, C)
  Out y;  ///< (B, L, C)

  ORCHID_OPERANDS(x, y)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// dx = y (dy - sum_l y dy).
struct SequenceSoftmaxGrad {
  static constexpr const char* name = "sequence_softmax_grad";
  In dy;   ///< (B, L, C)
  In y;    ///< (B, L, C)
  Out dx;  ///< (B, L, C)

  ORCHID_OPERANDS(dy, y, dx)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

}  // namespace orchid::ops
