#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/fft_butterflies.h"

/// How (B, L, D) is divided for transforms along L. Channels go in blocks of 2W, W = lanes of the
/// widest vector: channel first + i and channel first + W + i are the real and imaginary part of
/// lane i, so that one complex transform does two real ones. A narrower vector takes a part of a
/// block, in the same pairs: results do not depend on the choice.
namespace orchid::cpu {

/// The channels of one vector of pairs. kTail: those from D on are missing; they read as 0 and are
/// not written.
template <class V, bool kTail>
struct ChannelPairs {
  using T = Scalar<V>;

  std::int64_t first, second;
  int first_count = kLanes<V>, second_count = kLanes<V>;

  ORCHID_INLINE Complex<V> load(const T* row) const {
    if constexpr (kTail) {
      return {load_some<V>(row + first, first_count), load_some<V>(row + second, second_count)};
    } else {
      return {cpu::load<V>(row + first), cpu::load<V>(row + second)};
    }
  }
  ORCHID_INLINE void store(T* row, Complex<V> value) const {
    if constexpr (kTail) {
      store_some(row + first, value.re, first_count);
      store_some(row + second, value.im, second_count);
    } else {
      cpu::store(row + first, value.re);
      cpu::store(row + second, value.im);
    }
  }
};

/// Vectors of pairs first .. first + count - 1 of D channels, side by side.
template <class V, bool kIsTail>
struct Tile {
  static constexpr bool kTail = kIsTail;
  static constexpr std::int64_t kFull = kLanes<Vec<Scalar<V>>>, kOwn = kLanes<V>;
  /// Vectors of V in a block.
  static constexpr std::int64_t kParts = kFull / kOwn;

  std::int64_t width;  ///< D
  std::int64_t first;
  int count;

  ORCHID_INLINE ChannelPairs<V, kTail> operator[](int g) const {
    const std::int64_t vector = first + g;
    const std::int64_t channel = vector / kParts * 2 * kFull + vector % kParts * kOwn;
    if constexpr (kTail) return {channel, channel + kFull, lanes(channel), lanes(channel + kFull)};
    return {channel, channel + kFull};
  }

 private:
  int lanes(std::int64_t channel) const {
    return static_cast<int>(std::clamp<std::int64_t>(width - channel, 0, kOwn));
  }
};

/// Sample n of a transform of length N is row n, or, for a cosine transform through a Fourier
/// transform of the same length, rows 0, 2, 4, .. 5, 3, 1.
struct RowOrder {
  std::int64_t length;
  bool cosine;
  ORCHID_INLINE std::int64_t operator()(std::int64_t n) const {
    if (!cosine) return n;
    return 2 * n < length ? 2 * n : 2 * (length - n) - 1;
  }
};

}  // namespace orchid::cpu
