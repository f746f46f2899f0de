#pragma once

#include "kernels/cpu/interleave.h"

/// Products and transposes of matrices that lie in a cache, in the calling thread.
namespace orchid::cpu {

/// Registers of a product: kRowBlock rows of c by kColumnBlock vectors.
inline constexpr int kRowBlock = 6, kColumnBlock = kVectorBytes == 64 ? 4 : 2;

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
  for (; i + 2 <= m; i += 2)
    product_block<T, 2, kVectorCount>(k, left(), b, b_stride, to(), accumulate);
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

}  // namespace orchid::cpu
