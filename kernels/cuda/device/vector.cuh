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

/// Two bf16 of one word, which are the upper halves of two float32, and back.
inline __device__ void unpack_bf16(unsigned word, float& low, float& high) {
  low = __uint_as_float(word << 16);
  high = __uint_as_float(word & 0xffff0000u);
}
inline __device__ unsigned pack_bf16(float low, float high) {
  return __bfloat16_as_ushort(__float2bfloat16_rn(low)) |
         static_cast<unsigned>(__bfloat16_as_ushort(__float2bfloat16_rn(high))) << 16;
}

/// to[i] = p[i] for i < N: one element, 4 bf16 at a multiple of 8 bytes, or N * sizeof(T) a
/// multiple of 16 bytes at an address that is one too.
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
  } else if constexpr (N == 4) {
    const uint2 part = *reinterpret_cast<const uint2*>(p);
    unpack_bf16(part.x, to[0], to[1]);
    unpack_bf16(part.y, to[2], to[3]);
  } else {
    static_assert(N % 8 == 0);
#pragma unroll
    for (int i = 0; i < N; i += 8) {
      const uint4 part = *reinterpret_cast<const uint4*>(p + i);
      unpack_bf16(part.x, to[i], to[i + 1]);
      unpack_bf16(part.y, to[i + 2], to[i + 3]);
      unpack_bf16(part.z, to[i + 4], to[i + 5]);
      unpack_bf16(part.w, to[i + 6], to[i + 7]);
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
  } else if constexpr (N == 4) {
    *reinterpret_cast<uint2*>(p) =
        make_uint2(pack_bf16(from[0], from[1]), pack_bf16(from[2], from[3]));
  } else {
    static_assert(N % 8 == 0);
#pragma unroll
    for (int i = 0; i < N; i += 8)
      *reinterpret_cast<uint4*>(p + i) =
          make_uint4(pack_bf16(from[i], from[i + 1]), pack_bf16(from[i + 2], from[i + 3]),
                     pack_bf16(from[i + 4], from[i + 5]), pack_bf16(from[i + 6], from[i + 7]));
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
