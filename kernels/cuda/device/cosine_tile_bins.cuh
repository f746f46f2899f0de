#pragma once

#include "kernels/cuda/device/cosine_tile.cuh"

/// The bins of a tile, as the products of matrices leave them, and their kernel.
namespace orchid::cuda {

/// Value v of a pack of 4 channels.
inline __device__ float& pack_value(SideSums& sums, int pack, int v) {
  return sums[pack % 2 * 2 + v / 2][pack / 2 * 2 + v % 2];
}

/// Two words of a row of the tile, which has each 16 channels so that those of a pack are
/// neighbours in memory: channels 4 t to 4 t + 3 at 2 t, 2 t + 1, 2 t + 8, 2 t + 9.
struct FourChannels {
  unsigned low, high;

  FourChannels() = default;
  __device__ explicit FourChannels(const float (&v)[4])
      : low(round_pair(v[0], v[1])), high(round_pair(v[2], v[3])) {}
  __device__ void put(Bf16* row, int channel) const {
    Bf16* const to = row + channel / 16 * 16 + channel % 16 / 2;
    *reinterpret_cast<unsigned*>(to) = low;
    *reinterpret_cast<unsigned*>(to + 8) = high;
  }
};

/// Of a thread, those of a side, on their way into the tile.
using SideWords = FourChannels[kSidePacks];

inline __device__ void put_bins(const CosineTiles& s, const TilePlace& at,
                                const SideWords (&bins)[2], Bf16* tile) {
  tile += (at.row + at.lane / 4) * kTileRowPitch;
#pragma unroll
  for (int side = 0; side < 2; ++side)
#pragma unroll
    for (int pack = 0; pack < kSidePacks; ++pack)
      bins[side][pack].put(tile + side * s.side_elements() + pack / 2 * 8 * kTileRowPitch,
                           pack % 2 * 16 + at.lane % 4 * 4);
}

/// Writes the warp's 16 rows of positions and their mirrors over its rows of the tile, rounded,
/// channels in their order.
inline __device__ void stage_rows(const CosineTiles& s, const TilePlace& at, SideSums (&sums)[2],
                                  Bf16* tile) {
  tile += (at.row + at.lane / 4) * kTileRowPitch + at.lane % 4 * 4;
#pragma unroll
  for (int pack = 0; pack < kSidePacks; ++pack) {
    Bf16* const to = tile + pack / 2 * 8 * kTileRowPitch + pack % 2 * 16;
    float here[4], mirror[4];
#pragma unroll
    for (int v = 0; v < 4; ++v) {
      const float even = pack_value(sums[0], pack, v), odd = pack_value(sums[1], pack, v);
      here[v] = even + odd;
      mirror[v] = even - odd;
    }
    store(to, here);
    store(to + s.side_elements(), mirror);
  }
}

/// Where a thread's packs lie in a kernel (N, D).
struct BinPlace {
  int row, channel, first;  ///< of pack 0: frequency of side 0, channel, its element

  __device__ BinPlace(const CosineTiles& s, const TilePlace& at)
      : row(2 * (at.row + at.lane / 4)),
        channel(at.channel + at.lane % 4 * 4),
        first(row * s.channels + channel) {}
  __device__ bool inside(const CosineTiles& s, int side, int pack) const {
    return row + side + pack / 2 * 16 < s.length && channel + pack % 2 * 16 < s.channels;
  }
  /// Elements from `first` on.
  __device__ int offset(const CosineTiles& s, int side, int pack) const {
    return (side + pack / 2 * 16) * s.channels + pack % 2 * 16;
  }
  __device__ float scale(const BinRows& bins, int side, int pack) const {
    return side + pack / 2 + row == 0 ? bins.first : bins.rest;
  }
};

/// Starts copies of this thread's packs of a kernel (N, D) to where it alone finds them; zeros
/// behind the last frequency and channel.
inline __device__ void copy_kernel(const CosineTiles& s, const BinPlace& place, const float* kernel,
                                   float4* own) {
  kernel += place.first;
#pragma unroll
  for (int side = 0; side < 2; ++side)
#pragma unroll
    for (int pack = 0; pack < kSidePacks; ++pack)
      copy_async_or_zero(own + (side * kSidePacks + pack) * s.threads(),
                         kernel + place.offset(s, side, pack), place.inside(s, side, pack));
}

/// The packs of a side that all samples share, (N, D); zeros where there are none.
using PackValues = float[kSidePacks][4];
inline __device__ void load_fixed(const CosineTiles& s, const BinPlace& place, int side,
                                  const float* fixed, PackValues& to) {
#pragma unroll
  for (int pack = 0; pack < kSidePacks; ++pack) {
#pragma unroll
    for (int v = 0; v < 4; ++v) to[pack][v] = 0;
    if (fixed && place.inside(s, side, pack))
      load(fixed + place.first + place.offset(s, side, pack), to[pack]);
  }
}

/// scale s_f^2 times the kernel, `fixed` and a thread's own.
inline __device__ void load_kernel(const CosineTiles& s, int side, int pack, float scale,
                                   const PackValues& fixed, const float4* own, float (&h)[4]) {
  load(reinterpret_cast<const float*>(own + (side * kSidePacks + pack) * s.threads()), h);
#pragma unroll
  for (int v = 0; v < 4; ++v) h[v] = scale * (h[v] + fixed[pack][v]);
}

}  // namespace orchid::cuda
