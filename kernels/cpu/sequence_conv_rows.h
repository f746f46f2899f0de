#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/cpu/interleave.h"

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

/// Row `position` of the tile's input meets row r through tap position - r; kTaps 0: not known
/// when compiled.
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
    unroll<kRows>([&](auto r) __attribute__((always_inline)) {
      const int j = position - r;
      if (j < 0 || j >= taps) return;
      unroll<kOut * kIn>([&](auto k) __attribute__((always_inline)) {
        sum[r][k / kIn] += in[k % kIn] * load<V>(packed.weight + (k * taps + j) * packed.plane + g);
      });
    });
  };
  if constexpr (kTaps > 0) {
    unroll<kTaps + kRows - 1>(add);
  } else {
    for (int position = 0; position < taps + kRows - 1; ++position) add(position);
  }
  unroll<kRows>([&](auto r) __attribute__((always_inline)) {
    store_channels(y + r * y_stride + kOut * g, sum[r]);
  });
}

template <int kTaps, int kIn, int kOut, int kRows, class V>
ORCHID_INLINE void grad_tile(const PackedTaps<Scalar<V>>& packed, const Scalar<V>* const* x,
                             const Scalar<V>* const* dy, Scalar<V>* sums, std::int64_t g) {
  const int taps = kTaps > 0 ? kTaps : packed.taps;
  V d[kRows][kOut];
  unroll<kRows>([&](auto r)
                    __attribute__((always_inline)) { load_channels(dy[r] + kOut * g, d[r]); });
  const auto plane = [&](int index) __attribute__((always_inline)) {
    return sums + index * packed.plane + g;
  };
  unroll<kOut>([&](auto o) __attribute__((always_inline)) {
    V sum = load<V>(plane(kOut * kIn * taps + o));
    unroll<kRows>([&](auto r) __attribute__((always_inline)) { sum += d[r][o]; });
    store(plane(kOut * kIn * taps + o), sum);
  });
  if constexpr (kTaps > 0) {
    V sum[kOut * kIn * kTaps];
    unroll<kOut * kIn * kTaps>([&](auto k)
                                   __attribute__((always_inline)) { sum[k] = load<V>(plane(k)); });
    unroll<kTaps + kRows - 1>([&](auto position) __attribute__((always_inline)) {
      V in[kIn];
      load_channels(x[position] + kIn * g, in);
      unroll<kRows>([&](auto r) __attribute__((always_inline)) {
        constexpr int j = position - r;
        if constexpr (j >= 0 && j < kTaps)
          unroll<kOut * kIn>([&](auto k) __attribute__((always_inline)) {
            sum[k * kTaps + j] += d[r][k / kIn] * in[k % kIn];
          });
      });
    });
    unroll<kOut * kIn * kTaps>([&](auto k)
                                   __attribute__((always_inline)) { store(plane(k), sum[k]); });
  } else {
    for (int j = 0; j < taps; ++j) {
      V sum[kOut * kIn];
      for (int k = 0; k < kOut * kIn; ++k) sum[k] = load<V>(plane(k * taps + j));
      unroll<kRows>([&](auto r) __attribute__((always_inline)) {
        V in[kIn];
        load_channels(x[r + j] + kIn * g, in);
        for (int k = 0; k < kOut * kIn; ++k) sum[k] += d[r][k / kIn] * in[k % kIn];
      });
      for (int k = 0; k < kOut * kIn; ++k) store(plane(k * taps + j), sum[k]);
    }
  }
}

}  // namespace orchid::cpu
