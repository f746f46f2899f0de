#pragma once

#include "kernels/cuda/device/attention.cuh"

/// What a block of attention does with its tiles: loads them, multiplies them on the float units,
/// stores rows of sums.
namespace orchid::cuda {

/// Which rows of which matrix: those of part `part` of (B, L, parts * D) from position `first` on.
template <class T>
struct AttentionRows {
  const T* data;
  std::int64_t b, first;
  int h, part, parts;
};

/// to = factor * the kCount rows, float32, with zeros beyond the length, beyond the head's
/// channels, and, with `only_kept`, where a position does not count. All of the block takes part.
template <class Tile, int kCount, int V, class T>
__device__ void load_rows(const AttentionShape& n, const AttentionRows<T>& rows, float factor,
                          bool only_kept, float* to) {
  constexpr int kPacks = Tile::kHead / V;
  for (int i = static_cast<int>(threadIdx.x); i < kCount * kPacks; i += kAttentionBlock) {
    const int row = i / kPacks, c = i % kPacks * V;
    const std::int64_t l = rows.first + row;
    float values[V] = {};
    if (c < n.head && (only_kept ? n.counts(rows.b, l) : l < n.length))
      load(rows.data + n.at(rows.b, l, rows.h, rows.part, rows.parts) + c, values);
#pragma unroll
    for (int v = 0; v < V; ++v) values[v] *= factor;
    store(to + row * Tile::kPitch + c, values);
  }
}

/// The thread's scores: s[i][j] = a row i dot b row j, over `width` channels rounded up to 4.
template <class Tile>
__device__ void dot_rows(const AttentionPlace<Tile>& place, const float* a, const float* b,
                         int width, float (&s)[Tile::kM][Tile::kN]) {
#pragma unroll
  for (int i = 0; i < Tile::kM; ++i)
#pragma unroll
    for (int j = 0; j < Tile::kN; ++j) s[i][j] = 0;
#pragma unroll 2
  for (int c = 0; c < width; c += 4) {
    float left[Tile::kM][4], right[Tile::kN][4];
#pragma unroll
    for (int i = 0; i < Tile::kM; ++i) load(a + place.row(i) * Tile::kPitch + c, left[i]);
#pragma unroll
    for (int j = 0; j < Tile::kN; ++j) load(b + place.column(j) * Tile::kPitch + c, right[j]);
#pragma unroll
    for (int i = 0; i < Tile::kM; ++i)
#pragma unroll
      for (int j = 0; j < Tile::kN; ++j)
#pragma unroll
        for (int k = 0; k < 4; ++k) s[i][j] += left[i][k] * right[j][k];
  }
}

/// Rows of sums that the thread has.
template <class Tile>
using AttentionSums = float[Tile::kM][Tile::kPacks][Tile::kPack];

/// sums[i] += the sum over the tile's columns l of weights[row i][l] b[l], in order. The weights of
/// a row must be visible to its warp.
template <class Tile>
__device__ void add_rows(const AttentionPlace<Tile>& place, const float* weights, const float* b,
                         AttentionSums<Tile>& sums) {
  float part[Tile::kM][Tile::kPacks][Tile::kPack] = {};
#pragma unroll 2
  for (int l = 0; l < Tile::kColumns; l += 4) {
    float left[Tile::kM][4];
#pragma unroll
    for (int i = 0; i < Tile::kM; ++i)
      load(weights + place.row(i) * Tile::kScorePitch + l, left[i]);
#pragma unroll
    for (int k = 0; k < 4; ++k)
#pragma unroll
      for (int pack = 0; pack < Tile::kPacks; ++pack) {
        float right[Tile::kPack];
        const float* const from = b + (l + k) * Tile::kPitch + place.channel(pack);
        if constexpr (Tile::kPack == 4) {
          load(from, right);
        } else {
#pragma unroll
          for (int e = 0; e < Tile::kPack; ++e) right[e] = from[e];
        }
#pragma unroll
        for (int i = 0; i < Tile::kM; ++i)
#pragma unroll
          for (int e = 0; e < Tile::kPack; ++e) part[i][pack][e] += left[i][k] * right[e];
      }
  }
#pragma unroll
  for (int i = 0; i < Tile::kM; ++i)
#pragma unroll
    for (int pack = 0; pack < Tile::kPacks; ++pack)
#pragma unroll
      for (int e = 0; e < Tile::kPack; ++e) sums[i][pack][e] += part[i][pack][e];
}

/// to = factor * one row of sums, the head's channels of it; `to` is at channel 0 of the head.
template <class Tile, int V, class T>
__device__ void store_row(const AttentionPlace<Tile>& place, int head, float factor,
                          const float (&sums)[Tile::kPacks][Tile::kPack], T* to) {
#pragma unroll
  for (int pack = 0; pack < Tile::kPacks; ++pack) {
    float values[Tile::kPack];
#pragma unroll
    for (int e = 0; e < Tile::kPack; ++e) values[e] = factor * sums[pack][e];
    const int c = place.channel(pack);
    if constexpr (V > 1 && Tile::kPack == 4) {
      if (c < head) store(to + c, values);
    } else {
#pragma unroll
      for (int e = 0; e < Tile::kPack; ++e)
        if (c + e < head) to[c + e] = from_float<T>(values[e]);
    }
  }
}

/// Over the 16 lanes that share a row, in each; all lanes of the warp must take part.
inline __device__ float sum_of_row(float value) {
#pragma unroll
  for (int offset = kAttentionSide / 2; offset > 0; offset /= 2)
    value += __shfl_xor_sync(0xffffffffu, value, offset);
  return value;
}
inline __device__ float max_of_row(float value) {
#pragma unroll
  for (int offset = kAttentionSide / 2; offset > 0; offset /= 2)
    value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, offset));
  return value;
}

}  // namespace orchid::cuda
