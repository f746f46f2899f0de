#pragma once

#include "kernels/core/run.h"

namespace orchid::ops {

/// One AdamW step on n parameters, g = grad_scale * grad, t = step counted from 1:
///   value *= 1 - decay
///   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
///   value -= rate / (1 - beta1^t) * m / ( sqrt(v) / sqrt(1 - beta2^t) + epsilon )
/// `decay` is rate * lambda (AdamW, Loshchilov and Hutter) or (rate / peak rate) * lambda
/// ("decoupled AdamW" of the M2 recipe): the caller decides.
struct AdamW {
  static constexpr const char* name = "adamw";
  Acc value;  ///< (n)
  In grad;    ///< (n)
  Acc m;      ///< (n)
  Acc v;      ///< (n)
  double rate = 0;
  double decay = 0;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double grad_scale = 1;
  std::int64_t step = 1;

  ORCHID_OPERANDS(value, grad, m, v)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// result = sum of x^2 in double, in an order that depends on the size only.
struct SumOfSquares {
  static constexpr const char* name = "sum_of_squares";
  In x;
  Out result;  ///< (1) f64

  ORCHID_OPERANDS(x, result)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

}  // namespace orchid::ops
