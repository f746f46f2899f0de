#pragma once

#include "kernels/cuda/launch.h"

namespace orchid::cuda {

/// Elements in one 16-byte access: 4 float, 8 bf16.
template <class T>
inline constexpr int kLanes = 16 / static_cast<int>(sizeof(T));

inline __device__ float to_float(float x) {
  return x;
}
inline __device__ float to_float(__nv_bfloat16 x) {
  return __bfloat162float(x);
}
template <class T>
inline __device__ T from_float(float x) {
  if constexpr (sizeof(T) == sizeof(float)) {
    return x;
  } else {
    return __float2bfloat16_rn(x);
  }
}

/// to[i] = p[i] for i < N: one element, or N * sizeof(T) a multiple of 16 bytes at an address that
/// is one too.
template <int N, class T>
__device__ void load(const T* p, float (&to)[N]) {
  if constexpr (N == 1) {
    to[0] = to_float(*p);
  } else if constexpr (sizeof(T) == sizeof(float)) {
    static_assert(N % 4 == 0);
#pragma unroll
    for (int i = 0; i < N; i += 4) {
      const float4 part = *reinterpret_cast<const float4*>(p + i);
      to[i] = part.x;
      to[i + 1] = part.y;
      to[i + 2] = part.z;
      to[i + 3] = part.w;
    }
  } else {
    static_assert(N % 8 == 0);
#pragma unroll
    for (int i = 0; i < N; i += 8) {
      const uint4 part = *reinterpret_cast<const uint4*>(p + i);
      const unsigned words[4] = {part.x, part.y, part.z, part.w};
#pragma unroll
      for (int j = 0; j < 4; ++j) {  // a bf16 is the upper half of a float32
        to[i + 2 * j] = __uint_as_float(words[j] << 16);
        to[i + 2 * j + 1] = __uint_as_float(words[j] & 0xffff0000u);
      }
    }
  }
}

/// p[i] = from[i], rounded to nearest; the addresses as in `load`.
template <int N, class T>
__device__ void store(T* p, const float (&from)[N]) {
  if constexpr (N == 1) {
    *p = from_float<T>(from[0]);
  } else if constexpr (sizeof(T) == sizeof(float)) {
#pragma unroll
    for (int i = 0; i < N; i += 4)
      *reinterpret_cast<float4*>(p + i) =
          make_float4(from[i], from[i + 1], from[i + 2], from[i + 3]);
  } else {
#pragma unroll
    for (int i = 0; i < N; i += 8) {
      unsigned words[4];
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const unsigned low = __bfloat16_as_ushort(__float2bfloat16_rn(from[i + 2 * j]));
        const unsigned high = __bfloat16_as_ushort(__float2bfloat16_rn(from[i + 2 * j + 1]));
        words[j] = low | high << 16;
      }
      *reinterpret_cast<uint4*>(p + i) = make_uint4(words[0], words[1], words[2], words[3]);
    }
  }
}

/// Index of this thread in the grid, and the number of threads: for loops that stride over it.
inline __device__ std::int64_t grid_thread() {
  return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
inline __device__ std::int64_t grid_threads() {
  return static_cast<std::int64_t>(gridDim.x) * blockDim.x;
}

}  // namespace orchid::cuda
