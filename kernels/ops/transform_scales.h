#pragma once

#include <cmath>

#include "kernels/ops/transform.h"

namespace orchid::ops {

/// Factors of bin 0, of bin N/2 for even N (Fourier alone) and of all others, on top of the plain
/// sum: sum_n x_n exp(..) or sum_n x_n cos(..) from samples to bins, and their adjoints back.
struct BinScales {
  double first, rest, last;
};

/// Of the four operators of a kind: T, its adjoint, T^-1, its adjoint.
struct TransformScales {
  BinScales forward, forward_adjoint, inverse, inverse_adjoint;
};

/// Fourier: the plain sum from bins to samples counts every bin and its mirror. Cosine: both plain
/// sums are N/2 times an isometry but for bin 0, whose cosines are twice as long.
inline TransformScales transform_scales(TransformKind kind, std::int64_t length) {
  const auto n = static_cast<double>(length);
  const double root = std::sqrt(1 / n), root_2 = std::sqrt(2 / n);
  switch (kind) {
    case TransformKind::fft:
      return {{1 / n, 1 / n, 1 / n}, {1 / n, 0.5 / n, 1 / n}, {1, 1, 1}, {1, 2, 1}};
    case TransformKind::fft_ortho:
      return {
          {root, root, root}, {root, root / 2, root}, {root, root, root}, {root, 2 * root, root}};
    case TransformKind::dct:
      return {{2, 2, 2}, {2, 1, 1}, {0.5 / n, 0.5 / n, 0.5 / n}, {0.5 / n, 1 / n, 1 / n}};
    case TransformKind::dct_ortho:
      break;
  }
  return {{root, root_2, root_2},
          {root, root_2 / 2, root_2 / 2},
          {root, root_2 / 2, root_2 / 2},
          {root, root_2, root_2}};
}

}  // namespace orchid::ops
