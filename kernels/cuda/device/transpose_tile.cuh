#pragma once

#include "kernels/cuda/device/vector.cuh"

namespace orchid::cuda {

/// Blocks that move data between (samples, positions, channels) and (samples, channels, positions)
/// through a tile of 32 positions by 32 V channels in shared memory,
///   ORCHID_SHARED(float, tile, [kTile][kTilePitch<V>]);
/// of 32 x 8 threads. Facing channels, thread (x, y) has channels V x to V x + V of positions y,
/// y + 8, ...; facing positions, it has position x of channels y, y + 8, ... Both sides of memory
/// are contiguous along x and free of bank conflicts: channel c lies in column tile_column<V>(c).
inline constexpr int kTile = 32;
inline constexpr int kTileStep = 8;
inline constexpr int kTileThreads = kTile * kTileStep;
template <int V>
inline constexpr int kTilePitch = kTile* V + 1;

template <int V>
__device__ int tile_column(int channel) {
  if constexpr (V == 1) return channel;
  return channel % V * kTile + channel / V;
}

/// First element of a block's tile.
struct TileOrigin {
  std::int64_t sample, channel, position;
};

/// The tiles of all samples as the blocks of a grid.
struct TileGrid {
  std::int64_t along_positions, along_channels, samples;
  int lanes;  ///< V

  TileGrid(std::int64_t positions, std::int64_t channels, std::int64_t all_samples, int v = 1)
      : along_positions((positions + kTile - 1) / kTile),
        along_channels((channels + kTile * v - 1) / (kTile * v)),
        samples(all_samples),
        lanes(v) {}

  std::int64_t tiles() const { return along_positions * along_channels; }
  LaunchConfig config(const Context& ctx, const char* name) const {
    return {.grid = static_cast<unsigned>(tiles() * samples),
            .block = dim3(kTile, kTileStep),
            .stream = stream_of(ctx),
            .name = name};
  }
  __device__ TileOrigin origin() const {
    const unsigned positions = static_cast<unsigned>(along_positions);
    const unsigned channels = static_cast<unsigned>(along_channels);
    const unsigned row = blockIdx.x / positions;
    return {row / channels, static_cast<std::int64_t>(row % channels) * kTile * lanes,
            static_cast<std::int64_t>(blockIdx.x % positions) * kTile};
  }
};

/// to[v] = p[v] for v < V, where V is 1, or 2 and the address a multiple of two elements, or as
/// `load` has it.
template <int V, class T>
__device__ void load_few(const T* p, float (&to)[V]) {
  if constexpr (V != 2) {
    load(p, to);
  } else if constexpr (sizeof(T) == sizeof(float)) {
    const float2 pair = *reinterpret_cast<const float2*>(p);
    to[0] = pair.x;
    to[1] = pair.y;
  } else {  // a bf16 is the upper half of a float32
    const unsigned pair = *reinterpret_cast<const unsigned*>(p);
    to[0] = __uint_as_float(pair << 16);
    to[1] = __uint_as_float(pair & 0xffff0000u);
  }
}
template <int V, class T>
__device__ void store_few(T* p, const float (&from)[V]) {
  if constexpr (V != 2) {
    store(p, from);
  } else if constexpr (sizeof(T) == sizeof(float)) {
    *reinterpret_cast<float2*>(p) = make_float2(from[0], from[1]);
  } else {
    const unsigned low = __bfloat16_as_ushort(__float2bfloat16_rn(from[0]));
    const unsigned high = __bfloat16_as_ushort(__float2bfloat16_rn(from[1]));
    *reinterpret_cast<unsigned*>(p) = low | high << 16;
  }
}

}  // namespace orchid::cuda
