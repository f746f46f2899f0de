#pragma once

#include "kernels/cuda/device/cosine_tile_bins.cuh"

/// The signals of a tile: where they lie in shared memory, and what a lane has of them.
namespace orchid::cuda {

/// Row 0 of signal number `index`; behind all `count` of them are the packs of the threads.
struct TileMemory {
  Bf16 *matrix, *tile, *first_signal;
  float* taps;

  __device__ explicit TileMemory(const CosineTiles& s)
      : matrix(dynamic_shared<Bf16>()), tile(matrix + s.matrix_elements()) {
    taps = reinterpret_cast<float*>(tile + 2 * s.side_elements());
    first_signal = reinterpret_cast<Bf16*>(taps + 3 * kTapElements);
  }
  __device__ Bf16* signal(const CosineTiles& s, int index) const {
    return first_signal + index * s.signal_elements() + kRowsBefore * kTileRowPitch;
  }
  __device__ float4* packs(const CosineTiles& s, int count) const {
    return reinterpret_cast<float4*>(first_signal + count * s.signal_elements()) + threadIdx.x;
  }
  /// The zeros around signals.
  __device__ void clear(const CosineTiles& s, int count) const {
    constexpr int kRows = kRowsBefore + kRowsBehind, kAcross = kTileChannels / 8;
    for (int i = static_cast<int>(threadIdx.x); i < count * kRows * kAcross; i += s.threads()) {
      const int row = i / kAcross % kRows - kRowsBefore;
      *reinterpret_cast<uint4*>(signal(s, i / (kRows * kAcross)) +
                                (row < 0 ? row : s.length + row) * kTileRowPitch +
                                i % kAcross * 8) = make_uint4(0, 0, 0, 0);
    }
  }
};

/// Starts copies of the tile's channels of sample b; zeros behind the last channel.
inline __device__ void copy_signal(const CosineTiles& s, const TilePlace& at,
                                   const Columns<const Bf16>& from, std::int64_t b, Bf16* to) {
  constexpr int kAcross = kTileChannels / 8;
  const int thread = static_cast<int>(threadIdx.x), channel = thread % kAcross * 8;
  const bool inside = at.channel + channel < s.channels;
  const Bf16* row = from.at(b * s.length + thread / kAcross, at.channel + channel);
  const std::int64_t step = s.threads() / kAcross * from.width;
#pragma unroll 4
  for (int n = thread / kAcross; n < s.length; n += s.threads() / kAcross) {
    copy_async_or_zero(to + n * kTileRowPitch + channel, row, inside);
    row += step;
  }
}

/// The rows and channels of a lane, from the first on; `inside`: there are such channels.
struct LaneRows {
  int row, channel, d;  ///< channel in the tile, d of all
  bool inside;

  __device__ LaneRows(const CosineTiles& s, const TilePlace& at)
      : row(at.row + at.lane / (kTileChannels / 4) * kLaneRun),
        channel(at.lane % (kTileChannels / 4) * 4),
        d(at.channel + channel),
        inside(d < s.channels) {}
  /// The position of the first row; those of the others of side 1 are before it.
  __device__ int position(const CosineTiles& s, int side) const {
    return side == 0 ? row : s.length - 1 - row;
  }
};
using LaneValues = float[kLaneRun][4];

/// What of a result a lane writes on one side: row by row from `position` on.
template <class T>
struct LaneColumns {
  T* row;
  std::int64_t step;

  __device__ LaneColumns(const Columns<T>& of, const CosineTiles& s, const LaneRows& lane, int side,
                         std::int64_t b)
      : row(of ? of.at(b * s.length + lane.position(s, side), lane.d) : nullptr),
        step(side == 0 ? of.width : -of.width) {}
  __device__ T* at(int i) const { return row + i * step; }
  __device__ explicit operator bool() const { return row != nullptr; }
};

/// The lane's channels of its row i of a side among those that stage_rows wrote.
inline __device__ const Bf16* staged(const CosineTiles& s, const LaneRows& lane, int side, int i,
                                     const Bf16* tile) {
  return tile + side * s.side_elements() + (lane.row + i) * kTileRowPitch + lane.channel;
}

}  // namespace orchid::cuda
