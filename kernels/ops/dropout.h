#pragma once

#include "kernels/core/run.h"

namespace orchid::ops {

/// Dropout layers that a model can have: step * kDropoutSites + site names a draw.
inline constexpr std::uint64_t kDropoutSites = 1u << 16;

/// y_i = keep_i x_i / (1 - rate) [+ add_i], keep_i = [ word_j >= rate * 2^32 ] with word_j element
/// j = i / span of Philox(seed, dropout) of `item`: no mask is stored, the gradient is the same op
/// on dy. With `step`, item + step * kDropoutSites takes the place of `item`: work recorded once
/// can then be repeated for other steps. `span` L D, with the residual stream as `add`, is
/// stochastic depth: all of a sample is kept, or none of it is read. y may be x or add.
struct Dropout {
  static constexpr const char* name = "dropout";
  In x;
  Out y;              ///< shape of x
  OptionalIn step{};  ///< (1) i64
  OptionalIn add{};   ///< shape of x
  double rate = 0;    ///< in [0, 1)
  std::uint64_t seed = 0;
  std::uint64_t item = 0;  ///< unique per (step, micro-batch, rank, layer site)
  std::int64_t span = 1;   ///< elements in a row that share a draw; divides their number

  ORCHID_OPERANDS(x, y, step, add)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

}  // namespace orchid::ops
