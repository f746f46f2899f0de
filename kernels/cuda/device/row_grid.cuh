#pragma once

#include "kernels/cuda/device/signal_columns.cuh"

namespace orchid::cuda {

inline constexpr int kRowRuns = 8;  ///< threads along rows in a block
inline constexpr int kRowRun = 8;   ///< rows of a thread, one after another

/// Elements that a thread takes of a row: 16 bytes, but 4 of those that a short convolution makes,
/// whose weights then stay in registers.
template <class T, bool kShort>
inline constexpr int kRowLanes = kShort ? 4 : kLanes<T>;

/// The rows of all samples as they lie in memory, (B L, D), in blocks of 32 packs of V channels by
/// kRowRuns runs of kRowRun rows.
struct RowGrid {
  std::int64_t rows;      ///< B L
  std::int64_t length;    ///< L
  std::int64_t channels;  ///< D
  int lanes;              ///< V

  static constexpr std::int64_t kBlockRows = kRowRuns * kRowRun;

  std::int64_t along_rows() const { return (rows + kBlockRows - 1) / kBlockRows; }
  __host__ __device__ std::int64_t along_channels() const {
    return (channels + kWarp * lanes - 1) / (kWarp * lanes);
  }
  LaunchConfig config(const Context& ctx, const char* name) const {
    return {.grid = static_cast<unsigned>(along_rows() * along_channels()),
            .block = dim3(kWarp, kRowRuns),
            .stream = stream_of(ctx),
            .name = name};
  }

  __device__ unsigned row_block() const {
    return blockIdx.x / static_cast<unsigned>(along_channels());
  }
  __device__ std::int64_t channel() const {
    const unsigned block = blockIdx.x % static_cast<unsigned>(along_channels());
    return (std::int64_t{block} * kWarp + threadIdx.x) * lanes;
  }
  /// Calls body(r, row) for this thread's rows: r of all, number `row` of its sample.
  template <class Body>
  __device__ void for_each_row(const Body& body) const {
    const std::int64_t first = row_block() * kBlockRows + threadIdx.y * kRowRun;
    std::int64_t row = first % length;
#pragma unroll 1
    for (int i = 0; i < kRowRun; ++i) {
      if (first + i >= rows) return;
      body(first + i, row);
      row = row + 1 < length ? row + 1 : 0;
    }
  }
};

/// to (B L, D) = (gate *) x.
template <class T, int V, bool kShort>
__global__ void __launch_bounds__(kWarp* kRowRuns, 2)
    gather_rows(Input<T> x, Input<T> gate, RowGrid grid, T* to) {
  const std::int64_t d = grid.channel();
  if (d >= grid.channels) return;
  const InputReader<T, V, kShort> of_x(x, d, true), of_gate(gate, d, static_cast<bool>(gate));
  grid.for_each_row([&](std::int64_t r, std::int64_t row) {
    float values[V];
    of_x.load(r, row, values);
    if (of_gate) of_gate.scale(r, row, values);
    store_few<V>(to + r * grid.channels + d, values);
  });
}

/// What a transform reads, in place where it can.
template <class T>
struct GatheredRows {
  const T* data;
  std::int64_t width;  ///< of a row
};

/// Queues gather_rows into `buffer`, unless x alone is wanted as it is.
template <class T, bool kShort>
GatheredRows<T> gather_in_rows(Context& ctx, const char* name, const Input<T>& x,
                               const Input<T>& gate, RowGrid grid, T* buffer) {
  if (!gate && !x.weight) return {x.columns.data, x.columns.width};
  constexpr int V = kRowLanes<T, kShort>;
  const bool packs = lanes_allowed<T>(
      V, grid.channels,
      gate ? std::initializer_list{x.columns, gate.columns} : std::initializer_list{x.columns});
  grid.lanes = packs ? V : 1;
  launch(grid.config(ctx, name), packs ? gather_rows<T, V, kShort> : gather_rows<T, 1, kShort>, x,
         gate, grid, buffer);
  return {buffer, grid.channels};
}

}  // namespace orchid::cuda
