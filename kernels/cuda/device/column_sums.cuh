#pragma once

#include "kernels/cuda/device/vector.cuh"

namespace orchid::cuda {

/// Column sums of a matrix whose elements are computed where they are needed, K sums at once:
///   sums_k[c] += sum over r < rows of value_k(r, c)
/// in an order that depends on the extents only. `Value` is copied to the device and has
///   template <int V> __device__ void operator()(std::int64_t r, std::int64_t c, float
///   (&out)[K][V])
/// giving columns c .. c + V of row r; V = 4 where all that it reads allows it, else 1.

inline constexpr int kSumColumns = 32;  ///< threads across columns in a block
inline constexpr int kSumRows = 8;      ///< threads across rows in a block

/// partial[k][chunk][c]: one block sums the rows of one chunk for 32 V columns.
template <int K, int V, class Value>
__global__ void __launch_bounds__(kSumColumns* kSumRows)
    partial_column_sums(Value value, std::int64_t rows, std::int64_t columns,
                        std::int64_t rows_per_chunk, float* partial) {
  ORCHID_SHARED(float, shared, [kSumRows][kSumColumns * V + 1]);
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  const std::int64_t c = (static_cast<std::int64_t>(blockIdx.x) * kSumColumns + tx) * V;
  const std::int64_t chunk = blockIdx.y;
  const std::int64_t first = chunk * rows_per_chunk;
  const std::int64_t last = first + rows_per_chunk < rows ? first + rows_per_chunk : rows;
  float sums[K][V] = {};
  if (c < columns) {
    for (std::int64_t r = first + ty; r < last; r += kSumRows) {
      float element[K][V];
      value.template operator()<V>(r, c, element);
#pragma unroll
      for (int k = 0; k < K; ++k)
#pragma unroll
        for (int v = 0; v < V; ++v) sums[k][v] += element[k][v];
    }
  }
#pragma unroll
  for (int k = 0; k < K; ++k) {
#pragma unroll
    for (int v = 0; v < V; ++v) shared[ty][tx * V + v] = sums[k][v];
    __syncthreads();
    if (ty == 0 && c < columns) {
      for (int v = 0; v < V; ++v) {
        float total = 0;
        for (int row = 0; row < kSumRows; ++row) total += shared[row][tx * V + v];
        partial[(k * static_cast<std::int64_t>(gridDim.y) + chunk) * columns + c + v] = total;
      }
    }
    __syncthreads();
  }
}

/// sums_k[c] += sum over chunks of partial[k][chunk][c]; sums_k null: left out. The accumulators
/// are given as an array by value. Grid: columns, and the K sums.
template <int K>
struct SumTargets {
  float* sums[K];
};

template <int K>
__global__ void __launch_bounds__(256)
    add_column_sums(const float* partial, std::int64_t chunks, std::int64_t columns,
                    const __grid_constant__ SumTargets<K> targets) {
  const std::int64_t c = grid_thread();
  float* const sums = targets.sums[blockIdx.y];
  if (c >= columns || !sums) return;
  const float* const own = partial + blockIdx.y * chunks * columns + c;
  float total = 0;
  // Few threads: they have to wait for many loads at a time.
#pragma unroll 16
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) total += own[chunk * columns];
  sums[c] += total;
}

/// Runs both passes. `vectors`: the caller has checked that V = 4 is allowed.
template <int K, class Value>
void accumulate_columns(Context& ctx, const char* name, const Value& value, std::int64_t rows,
                        std::int64_t columns, SumTargets<K> targets, bool vectors) {
  if (rows == 0 || columns == 0) return;
  constexpr std::int64_t kMostChunks = 128, kLeastRows = 4 * kSumRows;
  std::int64_t chunks = (rows + kLeastRows - 1) / kLeastRows;
  chunks = chunks < kMostChunks ? chunks : kMostChunks;
  const std::int64_t per_chunk = (rows + chunks - 1) / chunks;
  chunks = (rows + per_chunk - 1) / per_chunk;
  Tensor partial = ctx.empty({K, chunks, columns}, DType::f32);
  const int lanes = vectors ? 4 : 1;
  const LaunchConfig config{
      .grid = dim3(blocks_for(columns, kSumColumns, lanes), static_cast<unsigned>(chunks)),
      .block = dim3(kSumColumns, kSumRows),
      .stream = stream_of(ctx),
      .name = name};
  const auto kernel = vectors ? partial_column_sums<K, 4, Value> : partial_column_sums<K, 1, Value>;
  launch(config, kernel, value, rows, columns, per_chunk, elements<float>(partial));
  launch({.grid = dim3(blocks_for(columns, 256), K),
          .block = 256,
          .stream = config.stream,
          .name = name},
         add_column_sums<K>, elements<float>(partial), chunks, columns, targets);
}

}  // namespace orchid::cuda
