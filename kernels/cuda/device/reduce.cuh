#pragma once

#include "kernels/cuda/launch.h"

namespace orchid::cuda {

/// Sum over the 32 lanes, the same bits in every lane. All lanes must take part.
inline __device__ float warp_sum(float value) {
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2)
    value += __shfl_xor_sync(0xffffffffu, value, offset);
  return value;
}

inline __device__ float warp_max(float value) {
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2)
    value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, offset));
  return value;
}

/// Sums of K values over a block of kThreads threads, in every thread, in a fixed order. All
/// threads must take part. It ends in a barrier, so calls may follow each other.
template <int kThreads, int K>
__device__ void block_sum(float (&values)[K]) {
  static_assert(kThreads % kWarp == 0 && kThreads <= kWarp * kWarp);
  constexpr int kWarps = kThreads / kWarp;
  ORCHID_SHARED(float, parts, [K][kWarps]);
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
#pragma unroll
  for (int k = 0; k < K; ++k) {
    values[k] = warp_sum(values[k]);
    if (lane == 0) parts[k][warp] = values[k];
  }
  __syncthreads();
#pragma unroll
  for (int k = 0; k < K; ++k) values[k] = warp_sum(lane < kWarps ? parts[k][lane] : 0.0f);
  __syncthreads();
}

}  // namespace orchid::cuda
