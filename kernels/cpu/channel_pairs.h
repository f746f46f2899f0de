#pragma once

#include <algorithm>

#include <omp.h>

#include "kernels/cpu/fft.h"
#include "kernels/cpu/parallel.h"

/// How (B, L, D) is divided for transforms along L. Blocks of 2W channels, W = lanes of the widest
/// vector: channel first + i and channel first + W + i are the real and imaginary part of lane i,
/// so that one complex transform does two real ones. A narrower vector takes a part of a block, in
/// the same pairs: the result does not depend on the choice.
namespace orchid::cpu {

/// The channels of one vector of pairs. kTail: channels from `width` on are missing; they read as 0
/// and are not written.
template <class V, bool kIsTail>
struct ChannelPairs {
  using T = Scalar<V>;
  static constexpr bool kTail = kIsTail;

  std::int64_t first = 0, second = 0;
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
  ORCHID_INLINE void add(T* row, Complex<V> value) const { store(row, load(row) + value); }
};

template <class T>
std::int64_t channel_blocks(std::int64_t width) {
  constexpr std::int64_t kBlock = 2 * kLanes<Vec<T>>;
  return (width + kBlock - 1) / kBlock;
}

/// Complex vectors to transform that are worth waking a thread for.
inline constexpr std::int64_t kLeastWork = 2048;

/// Calls body(pairs, part, work) for every vector of pairs of `width` channels and every part
/// (such as a sample), parts of one vector in order within a thread. `work` has `work_size`
/// elements for the call alone.
template <class V, class Body>
void for_each_pairs(Context& ctx, std::int64_t width, std::int64_t parts, std::int64_t work_size,
                    const Body& body) {
  using T = Scalar<V>;
  constexpr std::int64_t kFull = kLanes<Vec<T>>, kOwn = kLanes<V>;
  const std::int64_t items = channel_blocks<T>(width) * (kFull / kOwn) * parts;
  const auto threads = std::min<std::int64_t>(ctx.threads(), items);
  const Buffer buffer(ctx.memory(),
                      static_cast<std::size_t>(threads * work_size) * sizeof(Complex<V>));
  parallel_for(ctx, items, 1 + kLeastWork / work_size, [&](std::int64_t begin, std::int64_t end) {
    auto* work = static_cast<Complex<V>*>(buffer.data()) + omp_get_thread_num() * work_size;
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t unit = i / parts, part = i % parts;
      const std::int64_t first = unit * kOwn / kFull * 2 * kFull + unit * kOwn % kFull;
      const std::int64_t second = first + kFull;
      if (first >= width) continue;
      if (second + kOwn <= width) {
        body(ChannelPairs<V, false>{first, second}, part, work);
      } else {
        const auto count = [&](std::int64_t from) {
          return static_cast<int>(std::clamp<std::int64_t>(width - from, 0, kOwn));
        };
        body(ChannelPairs<V, true>{first, second, count(first), count(second)}, part, work);
      }
    }
  });
}

/// Calls body(V{}) with the widest vector of T, or the half where that keeps more threads at work
/// (0.6 of the time an item, rather than 0.5).
template <class T, class Body>
void with_vector(const Context& ctx, std::int64_t width, std::int64_t parts, std::int64_t work_size,
                 const Body& body) {
  if constexpr (!std::is_same_v<Vec<T>, HalfVec<T>>) {
    const auto rounds = [&](std::int64_t items) {
      return (items + ctx.threads() - 1) / ctx.threads();
    };
    const std::int64_t items = channel_blocks<T>(width) * parts;
    if (work_size >= kLeastWork / 2 && 10 * rounds(items) > 6 * rounds(2 * items))
      return body(HalfVec<T>{});
  }
  body(Vec<T>{});
}

/// Bin f of the two real signals of each pair: (first, second) in (re.re, re.im) and (im.re,
/// im.im).
template <class V>
struct PairBin {
  Complex<V> re, im;
};

/// Twice the bins of the two signals, from bins f and N - f of the complex one.
template <class V>
ORCHID_INLINE PairBin<V> separate(Complex<V> z, Complex<V> mirror) {
  return {z + mirror, {z.im - mirror.im, mirror.re - z.re}};
}
/// Bin f of the complex signal, and bin N - f.
template <class V>
ORCHID_INLINE Complex<V> combine(PairBin<V> a) {
  return {a.re.re - a.im.im, a.re.im + a.im.re};
}
template <class V>
ORCHID_INLINE Complex<V> combine_mirror(PairBin<V> a) {
  return {a.re.re + a.im.im, a.re.im - a.im.re};
}

template <class V>
ORCHID_INLINE Complex<V> scaled(Complex<V> a, Scalar<V> factor) {
  return {a.re * factor, a.im * factor};
}
/// Lane by lane and part by part: no complex product.
template <class V>
ORCHID_INLINE Complex<V> times(Complex<V> a, Complex<V> b) {
  return {a.re * b.re, a.im * b.im};
}
/// a (re + i im) in both signals.
template <class V>
ORCHID_INLINE PairBin<V> rotated(PairBin<V> a, Scalar<V> re, Scalar<V> im) {
  return {scaled(a.re, re) - scaled(a.im, im), scaled(a.im, re) + scaled(a.re, im)};
}

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
