#pragma once

#include "kernels/cuda/launch.h"

/// Products of small matrices by the tensor cores, and the loads that feed them. All 32 lanes of a
/// warp take part; lane 4 g + t holds, of matrices of bf16 two elements a word, the first in the
/// lower half,
///   of a (16, 16): [0] (g, 2 t), [1] (g + 8, 2 t), [2] (g, 2 t + 8), [3] (g + 8, 2 t + 8), each
///     with the element to its right;
///   of b (16, 8): [0] (2 t, g), [1] (2 t + 8, g), each with the element below;
///   of d (16, 8), float32: [0] (g, 2 t), [1] (g, 2 t + 1), [2] and [3] the same 8 rows below.
namespace orchid::cuda {

/// d += a b; b is (b0, b1).
inline __device__ void multiply_add(float (&d)[4], const unsigned (&a)[4], unsigned b0,
                                    unsigned b1) {
#if defined(__CUDACC__)
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
  simt::multiply_matrices(d, a, b0, b1);
#endif
}

/// Four matrices of 8 x 8 elements of 2 bytes from shared memory: lane i says where row i % 8 of
/// matrix i / 8 is, 16 bytes at a multiple of 16. to[j] is, of matrix j, (g, 2 t) and the element
/// to its right; with kTransposed (2 t, g) and the element below.
template <bool kTransposed>
inline __device__ void load_matrices(const void* row, unsigned (&to)[4]) {
#if defined(__CUDACC__)
  const auto shared = static_cast<unsigned>(__cvta_generic_to_shared(row));
  if constexpr (kTransposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(shared)
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(shared)
                 : "memory");
  }
#else
  const uint4 read = *static_cast<const uint4*>(simt::matrix_row(row));  // this lane's access
  simt::exchange_matrices(&read, kTransposed, to);
#endif
}

/// 2^x, some units in the last place off; results below the least normal float are 0.
inline __device__ float exp2_fast(float x) {
#if defined(__CUDACC__)
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return exp2f(x);
#endif
}

/// Two bf16 of one word, rounded to nearest.
inline __device__ unsigned round_pair(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const unsigned*>(&pair);
}

}  // namespace orchid::cuda
