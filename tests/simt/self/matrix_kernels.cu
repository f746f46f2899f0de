#include "kernels/cuda/device/tensor_core.cuh"
#include "tests/simt/self/kernels.h"

namespace orchid::simt::self {
namespace {

using namespace orchid::cuda;

/// The words that each lane gets of the 32 rows of 8 at x.
template <bool kTransposed>
__global__ void load_words(const std::uint16_t* x, std::uint32_t* words) {
  ORCHID_SHARED(uint4, rows, [32]);
  const int lane = static_cast<int>(threadIdx.x);
  rows[lane] = reinterpret_cast<const uint4*>(x)[lane];
  __syncwarp();
  unsigned got[4];
  load_matrices<kTransposed>(rows + lane, got);
  for (int m = 0; m < 4; ++m) words[lane * 4 + m] = got[m];
}

__device__ unsigned pair(const std::uint16_t* x, int first, int second) {
  return x[first] | static_cast<unsigned>(x[second]) << 16;
}

/// d (16, 8) += a (16, 16) b (16, 8), every lane reading its elements one by one.
__global__ void multiply(const std::uint16_t* a, const std::uint16_t* b, float* d) {
  const int lane = static_cast<int>(threadIdx.x), g = lane / 4, t = lane % 4;
  unsigned left[4], right[2];
  for (int i = 0; i < 4; ++i) {
    const int at = (g + i % 2 * 8) * 16 + 2 * t + i / 2 * 8;
    left[i] = pair(a, at, at + 1);
  }
  for (int i = 0; i < 2; ++i) {
    const int at = (2 * t + i * 8) * 8 + g;
    right[i] = pair(b, at, at + 8);
  }
  const auto place = [&](int i) { return (g + i / 2 * 8) * 8 + 2 * t + i % 2; };
  float sum[4];
  for (int i = 0; i < 4; ++i) sum[i] = d[place(i)];
  multiply_add(sum, left, right[0], right[1]);
  for (int i = 0; i < 4; ++i) d[place(i)] = sum[i];
}

/// Rows of 8 packs, kPitch packs apart: the first pack of 32 of them, as attention takes it.
template <int kPitch>
__global__ void load_far_rows(std::uint32_t* words) {
  ORCHID_SHARED(uint4, rows, [32 * kPitch]);
  const int lane = static_cast<int>(threadIdx.x);
  for (int i = lane; i < 32 * kPitch; i += 32) rows[i] = make_uint4(1, 2, 3, 4);
  __syncwarp();
  unsigned got[4];
  load_matrices<false>(rows + lane * kPitch, got);  // far rows
  words[lane] = got[0] + got[1] + got[2] + got[3];
}

}  // namespace

void load_matrix_words(const std::uint16_t* x, std::uint32_t* words, bool transposed) {
  launch({.grid = 1, .block = 32, .name = "load_matrix_words"},
         transposed ? load_words<true> : load_words<false>, x, words);
}

void multiply_matrices(const std::uint16_t* a, const std::uint16_t* b, float* d) {
  launch({.grid = 1, .block = 32, .name = "multiply_matrices"}, multiply, a, b, d);
}

void load_far_matrix_rows(std::uint32_t* words, bool padded) {
  launch({.grid = 1, .block = 32, .name = "load_far_matrix_rows"},
         padded ? load_far_rows<9> : load_far_rows<8>, words);
}

}  // namespace orchid::simt::self
