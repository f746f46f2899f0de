#pragma once

#include "kernels/core/run.h"

namespace orchid::ops {

/// The mean of the positions that count, per sample and channel:
///   y[b] = sum over l of mask[b, l] x[b, l] / sum over l of mask[b, l]
/// Sums are of accumulate_type, in an order that depends on the extents only. Where no position
/// counts, y[b] is 0. What x holds at a position that does not count has no effect, NaN included.
struct MeanPool {
  static constexpr const char* name = "mean_pool";
  In x;             ///< (B, L, D)
  OptionalIn mask;  ///< (B, L) u8, 0 or 1; left out: every position counts
  Out y;            ///< (B, D)

  ORCHID_OPERANDS(x, mask, y)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// Each position that counts has the same part in its sample's mean:
///   dx[b, l] = mask[b, l] dy[b] / sum over l of mask[b, l]
/// A position that does not count gets 0, whatever dy is.
struct MeanPoolGrad {
  static constexpr const char* name = "mean_pool_grad";
  In dy;            ///< (B, D)
  OptionalIn mask;  ///< (B, L) u8, as in MeanPool
  Out dx;           ///< (B, L, D)

  ORCHID_OPERANDS(dy, mask, dx)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

}  // namespace orchid::ops
