#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/cpu/interleave.h"

#ifdef __clang__
#define ORCHID_UNROLL _Pragma("unroll")
#else
#define ORCHID_UNROLL _Pragma("GCC unroll 16")
#endif

namespace orchid::cpu {

/// Output rows computed at once: an input row is then loaded once for up to four of them.
inline constexpr int kTileRows = 4;

/// Weights of a grouped convolution, repacked so that neighbouring groups are vector lanes.
/// `weight` has planes of one value per group: plane (o * in + i) * taps + j; bias: plane o.
/// The general kernels keep a group together instead: weight[((g * taps + j) * in + i) * out + o].
template <class T>
struct PackedTaps {
  const T* weight;
  const T* bias;               ///< null: none
  std::int64_t groups, plane;  ///< plane: elements from a plane to the next
  int in, out, taps;           ///< in and out: channels per group
};

/// y[r, groups begin..end) of `rows` <= kTileRows rows; x[r + j] points to what tap j of row r
/// reads.
template <class T>
using ConvRows = void (*)(const PackedTaps<T>&, const T* const* x, int rows, T* y,
                          std::int64_t y_stride, std::int64_t begin, std::int64_t end);

/// Adds the weight (and bias) gradients of `rows` rows to planes laid out as PackedTaps, the bias
/// planes after those of the weight. dy[r] points to row r.
template <class T>
using GradRows = void (*)(const PackedTaps<T>&, const T* const* x, const T* const* dy, int rows,
                          T* sums, std::int64_t begin, std::int64_t end);

/// The kCount channels of each of the groups in a vector's lanes.
template <int kCount, class V>
ORCHID_INLINE void load_channels(const Scalar<V>* from, V (&to)[kCount]) {
  static_assert(kCount <= 2);
  to[0] = load<V>(from);
  if constexpr (kCount == 2) {
    const Pair<V> pair = deinterleave(to[0], load<V>(from + kLanes<V>));
    to[0] = pair.first;
    to[1] = pair.second;
  }
}

template <int kCount, class V>
ORCHID_INLINE void store_channels(Scalar<V>* to, const V (&from)[kCount]) {
  if constexpr (kCount == 2) {
    const Pair<V> pair = interleave(from[0], from[1]);
    store(to, pair.first);
    store(to + kLanes<V>, pair.second);
  } else {
    store(to, from[0]);
  }
}

/// Row `position` of the tile's input meets row r through tap position - r. kTaps 0: not known when
/// compiled.
template <int kTaps, int kIn, int kOut, int kRows, class V>
ORCHID_INLINE void conv_tile(const PackedTaps<Scalar<V>>& packed, const Scalar<V>* const* x,
                             Scalar<V>* y, std::int64_t y_stride, std::int64_t g) {
  const int taps = kTaps > 0 ? kTaps : packed.taps;
  V sum[kRows][kOut]{};
  if (packed.bias)
    for (auto& row : sum)
      for (int o = 0; o < kOut; ++o) row[o] = load<V>(packed.bias + o * packed.plane + g);
  const auto add = [&](int position) __attribute__((always_inline)) {
    V in[kIn];
    load_channels(x[position] + kIn * g, in);
    ORCHID_UNROLL for (int r = 0; r < kRows; ++r) {
      const int j = position - r;
      if (j < 0 || j >= taps) continue;
      ORCHID_UNROLL for (int k = 0; k < kOut * kIn; ++k) {
        const V weight = load<V>(packed.weight + (k * taps + j) * packed.plane + g);
        sum[r][k / kIn] += in[k % kIn] * weight;
      }
    }
  };
  if constexpr (kTaps > 0) {
    ORCHID_UNROLL for (int position = 0; position < kTaps + kRows - 1; ++position) add(position);
  } else {
    for (int position = 0; position < taps + kRows - 1; ++position) add(position);
  }
  ORCHID_UNROLL for (int r = 0; r < kRows; ++r) store_channels(y + r * y_stride + kOut * g, sum[r]);
}

template <int kTaps, int kIn, int kOut, int kRows, class V>
ORCHID_INLINE void grad_tile(const PackedTaps<Scalar<V>>& packed, const Scalar<V>* const* x,
                             const Scalar<V>* const* dy, Scalar<V>* sums, std::int64_t g) {
  const int taps = kTaps > 0 ? kTaps : packed.taps;
  V d[kRows][kOut];
  ORCHID_UNROLL for (int r = 0; r < kRows; ++r) load_channels(dy[r] + kOut * g, d[r]);
  ORCHID_UNROLL for (int o = 0; o < kOut; ++o) {
    Scalar<V>* const plane = sums + (kOut * kIn * taps + o) * packed.plane + g;
    V sum = load<V>(plane);
    ORCHID_UNROLL for (int r = 0; r < kRows; ++r) sum += d[r][o];
    store(plane, sum);
  }
  // All sums in registers, or those of one tap.
  constexpr int kTogether = kTaps > 0 ? kTaps : 1;
  for (int tap = 0; tap < taps; tap += kTogether) {
    Scalar<V>* const plane = sums + tap * packed.plane + g;
    const auto at = [&](int k, int j) { return plane + (k * taps + j) * packed.plane; };
    V sum[kOut * kIn][kTogether];
    ORCHID_UNROLL for (int k = 0; k < kOut * kIn; ++k) for (int j = 0; j < kTogether; ++j)
        sum[k][j] = load<V>(at(k, j));
    ORCHID_UNROLL for (int position = 0; position < kTogether + kRows - 1; ++position) {
      V in[kIn];
      load_channels(x[tap + position] + kIn * g, in);
      ORCHID_UNROLL for (int r = 0; r < kRows; ++r) {
        const int j = position - r;
        if (j < 0 || j >= kTogether) continue;
        ORCHID_UNROLL for (int k = 0; k < kOut * kIn; ++k) sum[k][j] += d[r][k / kIn] * in[k % kIn];
      }
    }
    ORCHID_UNROLL for (int k = 0; k < kOut * kIn; ++k) for (int j = 0; j < kTogether; ++j)
        store(at(k, j), sum[k][j]);
  }
}

}  // namespace orchid::cpu

#undef ORCHID_UNROLL
