#pragma once

#include <algorithm>

#include "kernels/cuda/device/signal_columns.cuh"
#include "kernels/ops/transform.h"

namespace orchid::cuda {

/// Signals (B, L, D) as they are transformed, (B, D, N): padded with zeros (Fourier), or with the
/// rows in the order that makes a Fourier transform one of cosines.
struct SignalShape {
  std::int64_t rows;      ///< L
  std::int64_t channels;  ///< D
  std::int64_t length;    ///< N
  bool cosine;

  /// Positions that have a row; zeros follow.
  std::int64_t used() const { return length < rows ? length : rows; }
  /// The row at position n: the even ones in turn, then the odd ones from the last on.
  __device__ std::int64_t row(std::int64_t n) const {
    if (!cosine) return n;
    return 2 * n < length ? 2 * n : 2 * (length - n) - 1;
  }
};

/// to(b, d, n) = (gate *) x(b, row n, d), or 0 behind row L.
template <class T, int V, bool kShort>
__global__ void __launch_bounds__(kTileThreads, kShort ? 4 : 8)
    gather_signal(Input<T> x, Input<T> gate, SignalShape s, TileGrid grid, float* to) {
  ORCHID_SHARED(float, tile, [kTile][kTilePitch<V>]);
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  const TileOrigin at = grid.origin();
  const std::int64_t d = at.channel + tx * V;
  const InputReader<T, V, kShort> of_x(x, d, d < s.channels), of_gate(gate, d, d < s.channels);
#pragma unroll
  for (int i = ty; i < kTile; i += kTileStep) {
    const std::int64_t n = at.position + i, row = n < s.length ? s.row(n) : s.rows;
    float values[V] = {};
    if (row < s.rows && d < s.channels) {
      const std::int64_t r = at.sample * s.rows + row;
      of_x.load(r, row, values);
      if (of_gate) of_gate.scale(r, row, values);
    }
#pragma unroll
    for (int v = 0; v < V; ++v) tile[i][v * kTile + tx] = values[v];
  }
  __syncthreads();
  const std::int64_t n = at.position + tx;
#pragma unroll
  for (int i = ty; i < kTile * V; i += kTileStep) {
    const std::int64_t channel = at.channel + i;
    if (channel < s.channels && n < s.length)
      to[(at.sample * s.channels + channel) * s.length + n] = tile[tx][tile_column<V>(i)];
  }
}

/// Fills a block's tile from (B, D, N); ends in a barrier.
template <int V>
__device__ void load_tile(const float* from, const SignalShape& s, const TileOrigin& at,
                          float (&tile)[kTile][kTilePitch<V>]) {
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  const std::int64_t n = at.position + tx;
#pragma unroll
  for (int i = ty; i < kTile * V; i += kTileStep) {
    const std::int64_t channel = at.channel + i;
    if (channel < s.channels && n < s.length)
      tile[tx][tile_column<V>(i)] = from[(at.sample * s.channels + channel) * s.length + n];
  }
  __syncthreads();
}

/// Calls body(first, count) for chunks of the samples, few enough for the scratch memory.
struct SampleChunks {
  std::int64_t samples, at_once;

  SampleChunks(Context& ctx, std::int64_t all, std::int64_t bytes_per_sample) : samples(all) {
    const std::int64_t most = ctx.state<ops::TransformScratch>().most_bytes / bytes_per_sample;
    const std::int64_t fitting = most < 1 ? 1 : most, chunks = (all + fitting - 1) / fitting;
    at_once = (all + chunks - 1) / chunks;
  }
  template <class Body>
  void operator()(const Body& body) const {
    for (std::int64_t first = 0; first < samples; first += at_once)
      body(first, std::min(at_once, samples - first));
  }
};

/// Queues gather_signal for the first `samples` samples.
template <class T, bool kShort = false>
void gather(Context& ctx, const char* name, const Input<T>& x, const Input<T>& gate,
            const SignalShape& s, std::int64_t samples, float* to) {
  const bool pairs =
      pairs_allowed<T>(s.channels, gate ? std::initializer_list{x.columns, gate.columns}
                                        : std::initializer_list{x.columns});
  const TileGrid grid(s.length, s.channels, samples, pairs ? 2 : 1);
  launch(grid.config(ctx, name), pairs ? gather_signal<T, 2, kShort> : gather_signal<T, 1, kShort>,
         x, gate, s, grid, to);
}

}  // namespace orchid::cuda
