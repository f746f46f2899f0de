#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/cpu/interleave.h"
#include "kernels/cpu/parallel.h"

/// What attention and its gradient are made of: tiles of scores (keys, queries), products of such
/// small matrices in the calling thread, and the copies that feed them.
namespace orchid::cpu {

/// Most queries and keys of a tile. Queries are the vector lanes of scores.
inline constexpr std::int64_t kQueries = 64, kKeys = 128;

/// Registers of a product: kRowBlock rows of c by kColumnBlock vectors.
inline constexpr int kRowBlock = 4, kColumnBlock = kVectorBytes == 64 ? 4 : 2;

/// `n` elements with the rest of the last vector.
template <class T>
constexpr std::int64_t whole_vectors(std::int64_t n) {
  constexpr std::int64_t lanes = kLanes<Vec<T>>;
  return (n + lanes - 1) / lanes * lanes;
}

/// Element (i, k) is data[i * row + k * step].
template <class T>
struct Strided {
  const T* data;
  std::int64_t row, step;
};

/// A row-major matrix, rows of whole vectors.
template <class T>
struct Rows {
  T* data;
  std::int64_t stride;
};

template <class T, int kRowCount, int kVectorCount>
ORCHID_INLINE void product_block(std::int64_t k, Strided<T> a, const T* b, std::int64_t b_stride,
                                 Rows<T> c, bool accumulate) {
  using V = Vec<T>;
  V sum[kRowCount][kVectorCount] = {};
  for (std::int64_t step = 0; step < k; ++step, a.data += a.step, b += b_stride) {
    V right[kVectorCount];
    unroll<kVectorCount>([&](auto v) { right[v] = load<V>(b + v * kLanes<V>); });
    unroll<kRowCount>([&](auto r) {
      const T left = a.data[r * a.row];
      unroll<kVectorCount>([&](auto v) { sum[r][v] += left * right[v]; });
    });
  }
  unroll<kRowCount>([&](auto r) {
    unroll<kVectorCount>([&](auto v) {
      T* const to = c.data + r * c.stride + v * kLanes<V>;
      store(to, accumulate ? load<V>(to) + sum[r][v] : sum[r][v]);
    });
  });
}

template <class T, int kVectorCount>
void product_columns(std::int64_t m, std::int64_t k, Strided<T> a, const T* b,
                     std::int64_t b_stride, Rows<T> c, bool accumulate) {
  std::int64_t i = 0;
  const auto left = [&] { return Strided<T>{a.data + i * a.row, a.row, a.step}; };
  const auto to = [&] { return Rows<T>{c.data + i * c.stride, c.stride}; };
  for (; i + kRowBlock <= m; i += kRowBlock)
    product_block<T, kRowBlock, kVectorCount>(k, left(), b, b_stride, to(), accumulate);
  for (; i < m; ++i) product_block<T, 1, kVectorCount>(k, left(), b, b_stride, to(), accumulate);
}

/// c (m, n) = a (m, k) b (k, n), or c += a b; n in whole vectors. Every element is the sum over k
/// in order, added to what c held.
template <class T>
void product(std::int64_t m, std::int64_t n, std::int64_t k, Strided<T> a, Rows<T> b, Rows<T> c,
             bool accumulate) {
  constexpr std::int64_t one = kLanes<Vec<T>>, block = one * kColumnBlock;
  std::int64_t j = 0;
  for (; j + block <= n; j += block)
    product_columns<T, kColumnBlock>(m, k, a, b.data + j, b.stride, {c.data + j, c.stride},
                                     accumulate);
  for (; j < n; j += one)
    product_columns<T, 1>(m, k, a, b.data + j, b.stride, {c.data + j, c.stride}, accumulate);
}

/// to[c][r] = from[r][c]; all extents in whole vectors.
template <class T>
void transpose(Rows<T> from, std::int64_t rows, std::int64_t columns, Rows<T> to) {
  using V = Vec<T>;
  constexpr int n = kLanes<V>;
  for (std::int64_t r = 0; r < rows; r += n)
    for (std::int64_t c = 0; c < columns; c += n) {
      V square[n], next[n];
      unroll<n>([&](auto i) { square[i] = load<V>(from.data + (r + i) * from.stride + c); });
      for (int width = 1; width < n; width *= 2) {  // each time rows i and i + n / 2 interleave
        unroll<n / 2>([&](auto i) {
          const Pair<V> pair = interleave(square[i], square[i + n / 2]);
          next[2 * i] = pair.first;
          next[2 * i + 1] = pair.second;
        });
        unroll<n>([&](auto i) { square[i] = next[i]; });
      }
      unroll<n>([&](auto i) { store(to.data + (c + i) * to.stride + r, square[i]); });
    }
}

/// The keys of each sample that count, in order.
class KeptKeys {
 public:
  KeptKeys(const Tensor* mask, std::int64_t batch, std::int64_t length) : length_(length) {
    positions_.resize(static_cast<std::size_t>(batch * length));
    counts_.resize(static_cast<std::size_t>(batch));
    const auto* const kept = mask ? mask->data<std::uint8_t>() : nullptr;
    for (std::int64_t b = 0; b < batch; ++b) {
      std::int64_t& count = counts_[static_cast<std::size_t>(b)];
      for (std::int64_t l = 0; l < length; ++l)
        if (!kept || kept[b * length + l] != 0)
          positions_[static_cast<std::size_t>(b * length + count++)] = l;
    }
  }

  std::int64_t count(std::int64_t b) const { return counts_[static_cast<std::size_t>(b)]; }
  const std::int64_t* of(std::int64_t b) const { return positions_.data() + b * length_; }

 private:
  std::int64_t length_;
  std::vector<std::int64_t> positions_, counts_;
};

/// Extents of the op, and where a head's rows lie.
struct AttentionExtents {
  std::int64_t batch, length, width, heads;

  AttentionExtents(const Shape& y, std::int64_t head_count)
      : batch(y[0]), length(y[1]), width(y[2]), heads(head_count) {}
  std::int64_t head() const { return width / heads; }
  std::int64_t query_blocks() const { return (length + kQueries - 1) / kQueries; }
  double scale() const { return 1 / std::sqrt(static_cast<double>(head())); }
  /// Of channel 0 of head h at position l, in (B, L, D).
  std::int64_t at(std::int64_t b, std::int64_t l, std::int64_t h) const {
    return (b * length + l) * width + h * head();
  }
  /// The same in (B, L, 3 D): part 0 is q, 1 k, 2 v.
  std::int64_t at(std::int64_t b, std::int64_t l, std::int64_t h, std::int64_t part) const {
    return ((b * length + l) * 3 + part) * width + h * head();
  }
};

/// to[c] = factor * from[c] for c < width, and 0 to the end of the last vector.
template <class T>
void copy_row(const T* from, std::int64_t width, T* to, T factor = T(1)) {
#pragma omp simd
  for (std::int64_t c = 0; c < width; ++c) to[c] = factor * from[c];
  std::fill(to + width, to + whole_vectors<T>(width), T(0));
}

}  // namespace orchid::cpu
