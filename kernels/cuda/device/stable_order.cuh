#pragma once

#include <utility>

#include "kernels/cuda/launch.h"

namespace orchid::cuda {

/// Sorts small integers, with the places they came from, in ascending order; equal ones keep the
/// order of their places. Passes over 8 bits, least significant first; each pass counts the digits
/// of tiles of 256, turns the counts into places, and moves.

inline constexpr int kDigits = 256;
inline constexpr int kSortTile = 256;  ///< elements, and threads, of a block

/// Exclusive sums over the block's threads; `total` is the sum of all. `scratch` has kSortTile
/// elements.
inline __device__ int block_scan(int value, int* scratch, int& total) {
  const int self = static_cast<int>(threadIdx.x);
  scratch[self] = value;
  __syncthreads();
  for (int offset = 1; offset < kSortTile; offset *= 2) {
    const int before = self >= offset ? scratch[self - offset] : 0;
    __syncthreads();
    scratch[self] += before;
    __syncthreads();
  }
  const int inclusive = scratch[self];
  total = scratch[kSortTile - 1];
  __syncthreads();
  return inclusive - value;
}

/// counts[digit][tile].
static __global__ void __launch_bounds__(kSortTile)
    count_digits(const int* keys, int n, int shift, int* counts) {
  ORCHID_SHARED(int, found, [kDigits]);
  const int self = static_cast<int>(threadIdx.x), tile = static_cast<int>(blockIdx.x);
  const int i = tile * kSortTile + self;
  found[self] = 0;
  __syncthreads();
  if (i < n) atomicAdd(&found[keys[i] >> shift & (kDigits - 1)], 1);
  __syncthreads();
  counts[self * static_cast<int>(gridDim.x) + tile] = found[self];
}

/// One block a digit: its counts become their sums over earlier tiles; totals[digit].
static __global__ void __launch_bounds__(kSortTile)
    scan_tiles(int* counts, int tiles, int* totals) {
  ORCHID_SHARED(int, scratch, [kSortTile]);
  int* const row = counts + static_cast<std::int64_t>(blockIdx.x) * tiles;
  int carry = 0;
  for (int first = 0; first < tiles; first += kSortTile) {
    const int i = first + static_cast<int>(threadIdx.x);
    int total = 0;
    const int before = block_scan(i < tiles ? row[i] : 0, scratch, total);
    if (i < tiles) row[i] = carry + before;
    carry += total;
  }
  if (threadIdx.x == 0) totals[blockIdx.x] = carry;
}

/// Moves each key and its place behind smaller digits, earlier tiles and earlier equals.
/// `places` null: the place is the index.
static __global__ void __launch_bounds__(kSortTile)
    move_keys(const int* keys, const int* places, int n, int shift, const int* counts,
              const int* totals, int* to_keys, int* to_places) {
  ORCHID_SHARED(int, scratch, [kSortTile]);
  ORCHID_SHARED(int, digits, [kSortTile]);
  const int self = static_cast<int>(threadIdx.x), tile = static_cast<int>(blockIdx.x);
  const int i = tile * kSortTile + self;
  int unused = 0;
  const int base = block_scan(totals[self], scratch, unused);
  scratch[self] = base;
  const int key = i < n ? keys[i] : 0, digit = key >> shift & (kDigits - 1);
  digits[self] = digit;
  __syncthreads();
  if (i >= n) return;
  int equals = 0;
  for (int before = 0; before < self; ++before) equals += digits[before] == digit ? 1 : 0;
  const int to = scratch[digit] + counts[digit * static_cast<int>(gridDim.x) + tile] + equals;
  to_keys[to] = key;
  to_places[to] = places ? places[i] : i;
}

struct Sorted {
  Tensor keys;    ///< (n) i32, ascending
  Tensor places;  ///< (n) i32, where each was
};

/// `keys` are in [0, limit]; their content is lost.
inline Sorted sort_stable(Context& ctx, const char* op, Tensor keys, int limit) {
  const int n = static_cast<int>(keys.count()), tiles = (n + kSortTile - 1) / kSortTile;
  Tensor counts = ctx.empty({kDigits, tiles}, DType::i32);
  Tensor totals = ctx.empty({kDigits}, DType::i32);
  Tensor places = ctx.empty({n}, DType::i32);
  Tensor other_keys = ctx.empty({n}, DType::i32), other_places = ctx.empty({n}, DType::i32);
  const auto grid = static_cast<unsigned>(tiles);
  const LaunchConfig by_tile{
      .grid = grid, .block = kSortTile, .stream = stream_of(ctx), .name = op};
  const LaunchConfig by_digit{
      .grid = kDigits, .block = kSortTile, .stream = by_tile.stream, .name = op};
  for (int shift = 0; shift == 0 || limit >> shift > 0; shift += 8) {
    launch(by_tile, count_digits, elements<int>(keys), n, shift, elements<int>(counts));
    launch(by_digit, scan_tiles, elements<int>(counts), tiles, elements<int>(totals));
    launch(by_tile, move_keys, elements<int>(keys), shift == 0 ? nullptr : elements<int>(places), n,
           shift, elements<int>(counts), elements<int>(totals), elements<int>(other_keys),
           elements<int>(other_places));
    std::swap(keys, other_keys);
    std::swap(places, other_places);
  }
  return {keys, places};
}

}  // namespace orchid::cuda
