#pragma once

#include "kernels/cuda/device/reduce.cuh"
#include "kernels/cuda/device/vector.cuh"

/// Rows that a block computes and normalises.
namespace orchid::cuda {

inline constexpr int kMostRowThreads = 256;

/// A row belongs to blockDim.x threads, a multiple of a warp; a block has blockDim.y rows at a time
/// and takes `run` times as many, one after another, whose taps then lie in L1.
struct RowBlocks {
  std::int64_t rows;
  int run;
  int kept;  ///< floats of shared memory that a row has; 0: it does not fit, all is computed twice

  /// Row i of this thread; there may be fewer, but all threads reach every barrier.
  __device__ std::int64_t row(int i) const {
    return (std::int64_t{blockIdx.x} * blockDim.y + threadIdx.y) * run + i;
  }
};

/// `planes`: floats to keep of each output.
template <class Pack>
LaunchConfig row_launch(Context& ctx, const char* name, int outputs, int planes,
                        RowBlocks& blocks) {
  constexpr std::int64_t kMostShared = 96 * 1024, kManyRows = 4096;
  const std::int64_t packs = outputs / Pack::kSize,
                     turns = (packs + kMostRowThreads - 1) / kMostRowThreads,
                     warps = ((packs + turns - 1) / turns + kWarp - 1) / kWarp;
  const auto threads = static_cast<unsigned>(warps * kWarp);
  const unsigned rows = kMostRowThreads / threads;
  blocks.run = blocks.rows >= kManyRows ? 4 : 1;
  blocks.kept = outputs * planes;
  std::size_t shared = std::size_t{rows} * static_cast<std::size_t>(blocks.kept) * sizeof(float);
  if (shared > kMostShared) blocks.kept = 0, shared = 0;
  return {.grid = blocks_for(blocks.rows, rows, blocks.run),
          .block = dim3(threads, rows),
          .shared = shared,
          .stream = stream_of(ctx),
          .name = name};
}

/// Sums over the threads of a row, in all of them and in a fixed order; ends in a barrier.
template <int K>
__device__ void row_sums(float (&values)[K]) {
  constexpr int kMostWarps = kMostRowThreads / kWarp;
  ORCHID_SHARED(float, parts, [K][kMostWarps]);
#pragma unroll
  for (int k = 0; k < K; ++k) values[k] = warp_sum(values[k]);
  const int warps = static_cast<int>(blockDim.x) / kWarp;
  if (warps == 1) return;
  const int first = static_cast<int>(threadIdx.y) * warps;
  const int warp = first + static_cast<int>(threadIdx.x) / kWarp;
  if (threadIdx.x % kWarp == 0) {
#pragma unroll
    for (int k = 0; k < K; ++k) parts[k][warp] = values[k];
  }
  __syncthreads();
#pragma unroll
  for (int k = 0; k < K; ++k) {
    values[k] = 0;
    for (int i = 0; i < warps; ++i) values[k] += parts[k][first + i];
  }
  __syncthreads();
}

/// Packs of a row in shared memory, each thread's own; vectors of neighbouring threads adjoin.
template <int N>
struct KeptPacks {
  static constexpr int kLane = N % 4 == 0 ? 4 : 1;
  float* row;
  int packs;

  __device__ void put(int pack, const float (&values)[N]) const {
#pragma unroll
    for (int i = 0; i < N; i += kLane) {
      float part[kLane];
#pragma unroll
      for (int k = 0; k < kLane; ++k) part[k] = values[i + k];
      store(row + std::int64_t{i} * packs + pack * kLane, part);
    }
  }
  __device__ void get(int pack, float (&values)[N]) const {
#pragma unroll
    for (int i = 0; i < N; i += kLane) {
      float part[kLane];
      load(row + std::int64_t{i} * packs + pack * kLane, part);
#pragma unroll
      for (int k = 0; k < kLane; ++k) values[i + k] = part[k];
    }
  }
};

}  // namespace orchid::cuda
