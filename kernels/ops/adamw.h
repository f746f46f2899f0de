#pragma once

#include "kernels/core/run.h"

namespace orchid::ops {

/// One AdamW step on n parameters, g = grad_scale * grad, t = step counted from 1:
///   value *= 1 - decay
///   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
///   value -= rate / (1 - beta1^t) * m / ( sqrt(v) / sqrt(1 - beta2^t) + epsilon )
/// `decay` is rate * lambda (AdamW, Loshchilov and Hutter) or (rate / peak rate) * lambda
/// ("decoupled AdamW" of the M2 recipe): the caller decides.
/// With `ranges`, each range of elements has a peak rate, a lambda and a scale of its own; `rate`
/// is then the schedule's factor, and `decay` is ignored: rate times the peak rate plus `offset`
/// times the scale, and decay by `decoupled`. The scale is in the peak rate already. A range of
/// peak rate 0 has no part in the offset: it stays as it is.
struct AdamW {
  static constexpr const char* name = "adamw";
  static constexpr std::int64_t kRangeFields = 4;
  Acc value;              ///< (n)
  In grad;                ///< (n)
  Acc m;                  ///< (n)
  Acc v;                  ///< (n)
  OptionalIn ranges{};    ///< (S, kRangeFields) f64: the end of a range, its peak rate, its lambda
                          ///< and its scale; ends ascend, and the last is n
  OptionalIn control{};   ///< of ClipScale: gives grad_scale, and whether anything is changed
  OptionalIn applied{};   ///< of ClipScale: gives step
  OptionalOut product{};  ///< (n) bf16: the new values again, for products
  double rate = 0;
  double decay = 0;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double grad_scale = 1;
  std::int64_t step = 1;
  bool decoupled = false;  ///< with ranges: decay = rate / peak rate * lambda, not rate * lambda
  double offset = 0;       ///< with ranges: scaled, added to the rate of each

  ORCHID_OPERANDS(value, grad, m, v, ranges, control, applied, product)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// Where ClipScale puts its results.
enum class Control { scale, apply, norm, loss };
inline constexpr std::int64_t kControls = 4;

/// Decides, where the numbers lie, about the update with gradients summed over a batch:
///   norm = mean * sqrt(sum of sum_of_squares),  apply = [ norm and loss are finite ],
///   scale = mean * min(1, clip_norm / (norm + 1e-6)), or mean if clip_norm is 0
struct ClipScale {
  static constexpr const char* name = "clip_scale";
  In sum_of_squares;     ///< (P) f64, of parts of the gradients; added up in order
  In score;              ///< f64, of AddScore: the summed loss first
  OptionalIn targets{};  ///< (1) f64: their number, by which `mean` is then divided
  Out control;           ///< (4) f64: scale, apply (0 or 1), norm, loss as in score
  Acc applied;           ///< (1) i64: gains apply, so it counts the updates
  double mean = 1;       ///< 1 / the number of targets
  double clip_norm = 0;

  ORCHID_OPERANDS(sum_of_squares, score, targets, control, applied)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// average += (1 - d) (value - average): an exponential moving average of the parameters, after an
/// update. d = decay, or with `warmup` the smaller of decay and (1 + t) / (10 + t), t the updates
/// made: the first ones, of random weights, are forgotten sooner.
struct MovingAverage {
  static constexpr const char* name = "moving_average";
  In value;              ///< (n)
  Acc average;           ///< (n)
  OptionalIn control{};  ///< of ClipScale: whether the step changed anything; if not, nor does this
  OptionalIn applied{};  ///< of ClipScale: t; needed by `warmup`
  double decay = 0.9999;
  bool warmup = false;

  ORCHID_OPERANDS(value, average, control, applied)
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
