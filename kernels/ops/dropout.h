#pragma once

#include "kernels/core/run.h"

namespace orchid::ops {

/// Dropout layers that a model can have: step * kDropoutSites + site names a draw.
inline constexpr std::uint64_t kDropoutSites = 1u << 16;

/// y_i = keep_i x_i / (1 - rate), keep_i = [ word_i >= rate * 2^32 ] with word_i element i of
/// Philox(seed, dropout) of `item`: no mask is stored, the gradient is the same op on dy. With
/// `step`, item + step * kDropoutSites takes the place of `item`: work recorded once can then be
/// repeated for other steps.
/// y may be x.
struct Dropout {
  static constexpr const char* name = "dropout";
  In x;
  Out y;              ///< shape of x
  OptionalIn step{};  ///< (1) i64
  double rate = 0;    ///< in [0, 1)
  std::uint64_t seed = 0;
  std::uint64_t item = 0;  ///< unique per (step, micro-batch, rank, layer site)

  ORCHID_OPERANDS(x, y, step)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

}  // namespace orchid::ops
