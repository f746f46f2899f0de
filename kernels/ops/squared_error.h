#pragma once

#include "kernels/core/run.h"

namespace orchid::ops {

/// Per row: loss = (x - target)^2 and, if wanted, its gradient, dx = 2 (x - target). dx may be x.
struct SquaredError {
  static constexpr const char* name = "squared_error";
  In x;            ///< (R) or (R, 1)
  In targets;      ///< (R) f32; where x is f64, f64 as well
  Out loss;        ///< (R) f64
  OptionalOut dx;  ///< shape of x

  ORCHID_OPERANDS(x, targets, loss, dx)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

}  // namespace orchid::ops
