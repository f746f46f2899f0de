#pragma once

#include "kernels/cuda/device/attention_mma.cuh"
#include "kernels/cuda/device/tensor_core.cuh"

/// What a warp does with tiles: products of its rows with 16 rows of a tile, and its results.
/// device/tensor_core.cuh says which lane has which elements: of 16 rows of sums, rows g and g + 8.
namespace orchid::cuda {

/// 16 rows of a tile as left factors; 16 rows of sums; of scores, 16 rows by 16 columns.
template <class Tile>
using RowFactors = unsigned[Tile::kSteps][4];
template <class Tile>
using RowSums = float[Tile::kPacks][4];
using Scores = float[2][4];

/// The column of s[j][2 r] among the 16; the next is that of s[j][2 r + 1].
inline __device__ int score_column(int j) {
  return 8 * j + 2 * (lane_of_warp() % 4);
}

template <class Tile>
__device__ void load_factor(const Bf16* rows, int step, unsigned (&a)[4]) {
  const int lane = lane_of_warp();
  load_matrices<false>(rows + lane % 16 * Tile::kPitch + step * 16 + lane / 16 * 8, a);
}
template <class Tile>
__device__ void load_factors(const Bf16* rows, RowFactors<Tile>& a) {
#pragma unroll
  for (int k = 0; k < Tile::kSteps; ++k) load_factor<Tile>(rows, k, a[k]);
}

/// s[m] = a[m] times the 16 rows at `rows`, transposed.
template <class Tile, int kM>
__device__ void dot_with_rows(const RowFactors<Tile> (&a)[kM], const Bf16* rows, Scores (&s)[kM]) {
  const int lane = lane_of_warp();
  const Bf16* const own = rows + (lane % 8 + lane / 16 * 8) * Tile::kPitch + lane / 8 % 2 * 8;
#pragma unroll
  for (int m = 0; m < kM; ++m)
#pragma unroll
    for (int i = 0; i < 8; ++i) s[m][i / 4][i % 4] = 0;
#pragma unroll
  for (int k = 0; k < Tile::kSteps; ++k) {
    unsigned b[4];
    load_matrices<false>(own + k * 16, b);
#pragma unroll
    for (int m = 0; m < kM; ++m) {
      multiply_add(s[m][0], a[m][k], b[0], b[1]);
      multiply_add(s[m][1], a[m][k], b[2], b[3]);
    }
  }
}

/// s = the 16 rows at `left` times those at `rows`, transposed: for who has no registers to keep
/// the left ones.
template <class Tile>
__device__ void dot_of_rows(const Bf16* left, const Bf16* rows, Scores& s) {
  const int lane = lane_of_warp();
  const Bf16* const own = rows + (lane % 8 + lane / 16 * 8) * Tile::kPitch + lane / 8 % 2 * 8;
#pragma unroll
  for (int i = 0; i < 8; ++i) s[i / 4][i % 4] = 0;
#pragma unroll
  for (int k = 0; k < Tile::kSteps; ++k) {
    unsigned a[4], b[4];
    load_factor<Tile>(left, k, a);
    load_matrices<false>(own + k * 16, b);
    multiply_add(s[0], a, b[0], b[1]);
    multiply_add(s[1], a, b[2], b[3]);
  }
}

/// sums[m] += the weights s[m], rounded, times the 16 rows at `rows`.
template <class Tile, int kM>
__device__ void add_weighted_rows(const Scores (&s)[kM], const Bf16* rows,
                                  RowSums<Tile> (&sums)[kM]) {
  const int lane = lane_of_warp();
  const Bf16* const own = rows + lane % 16 * Tile::kPitch + lane / 16 * 8;
  unsigned a[kM][4];
#pragma unroll
  for (int m = 0; m < kM; ++m)
#pragma unroll
    for (int i = 0; i < 4; ++i)
      a[m][i] = round_pair(s[m][i / 2][i % 2 * 2], s[m][i / 2][i % 2 * 2 + 1]);
#pragma unroll
  for (int c = 0; c < Tile::kSteps; ++c) {
    unsigned b[4];
    load_matrices<true>(own + c * 16, b);
#pragma unroll
    for (int m = 0; m < kM; ++m) {
      multiply_add(sums[m][2 * c], a[m], b[0], b[1]);
      multiply_add(sums[m][2 * c + 1], a[m], b[2], b[3]);
    }
  }
}

/// Writes 16 rows of sums times their factors (0: zeros, whatever the sum), the first `count` of
/// them, by way of the 16 rows of shared memory at `stage`, which are the warp's own. `to` is at
/// channel 0 of the head in the first row.
template <class Tile>
__device__ void write_rows(const RowSums<Tile>& sums, const float (&factor)[2], int head,
                           std::int64_t count, Bf16* stage, Bf16* to, std::int64_t stride) {
  const int lane = lane_of_warp(), g = lane / 4, t = lane % 4;
  __syncwarp();  // the lanes have read what was there
#pragma unroll
  for (int j = 0; j < Tile::kPacks; ++j)
#pragma unroll
    for (int r = 0; r < 2; ++r)
      *reinterpret_cast<unsigned*>(stage + (g + 8 * r) * Tile::kPitch + 8 * j + 2 * t) =
          factor[r] == 0 ? 0u
                         : round_pair(sums[j][2 * r] * factor[r], sums[j][2 * r + 1] * factor[r]);
  __syncwarp();
#pragma unroll 4
  for (int i = lane; i < 16 * Tile::kPacks; i += kWarp) {
    const int row = i / Tile::kPacks, c = i % Tile::kPacks * 8;
    if (row < count && c < head)
      *reinterpret_cast<uint4*>(to + row * stride + c) =
          *reinterpret_cast<const uint4*>(stage + row * Tile::kPitch + c);
  }
}

/// Over the 4 lanes that share a row of scores, in each.
inline __device__ float sum_of_quad(float value) {
  value += __shfl_xor_sync(0xffffffffu, value, 1);
  return value + __shfl_xor_sync(0xffffffffu, value, 2);
}
inline __device__ float max_of_quad(float value) {
  value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, 1));
  return fmaxf(value, __shfl_xor_sync(0xffffffffu, value, 2));
}

}  // namespace orchid::cuda
