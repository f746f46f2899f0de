#include "kernels/cuda/device/async_copy.cuh"
#include "kernels/cuda/launch.h"
#include "tests/simt/self/kernels.h"

namespace orchid::simt::self {
namespace {

using namespace orchid::cuda;

constexpr unsigned kAll = 0xffffffffu;

template <int kPitch, bool kScattered>
__global__ void __launch_bounds__(256)
    transpose_tiles(const float* x, float* y, int rows, int columns) {
  ORCHID_SHARED(float, tile, [32][kPitch]);
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  const int column = static_cast<int>(blockIdx.x) * 32, row = static_cast<int>(blockIdx.y) * 32;
#pragma unroll
  for (int j = ty; j < 32; j += 8)
    if (column + tx < columns && row + j < rows)
      tile[j][tx] = x[(row + j) * columns + column + tx];  // load
  __syncthreads();
#pragma unroll
  for (int j = ty; j < 32; j += 8) {
    if constexpr (kScattered) {
      if (column + tx < columns && row + j < rows) y[(column + tx) * rows + row + j] = tile[j][tx];
    } else {
      if (row + tx < rows && column + j < columns) y[(column + j) * rows + row + tx] = tile[tx][j];
    }
  }
}

__device__ float warp_sum(float value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2)
    value += __shfl_xor_sync(kAll, value, distance);
  return value;
}

/// Shared memory inside a device function that is called twice.
__device__ float block_sum(float value) {
  ORCHID_SHARED(float, parts, [32]);
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  value = warp_sum(value);
  __syncthreads();  // the call before may still be reading
  if (lane == 0) parts[warp] = value;
  __syncthreads();
  return warp_sum(lane < (blockDim.x + 31) / 32 ? parts[lane] : 0.0f);
}

__global__ void sum_rows(const float* x, float* sums, int width) {
  const float* row = x + static_cast<std::int64_t>(blockIdx.x) * width;
  float sum = 0;
  for (int i = static_cast<int>(threadIdx.x); i < width; i += static_cast<int>(blockDim.x))
    sum += __ldg(row + i);
  sum = block_sum(sum);
  const float ones = block_sum(1.0f);
  if (threadIdx.x == 0) sums[blockIdx.x] = ones == static_cast<float>(blockDim.x) ? sum : -1.0f;
}

__global__ void sum_with_last_block(const float* x, float* partial, unsigned* done, float* sum,
                                    int n) {
  ORCHID_SHARED(bool, last);
  float mine = 0;
  for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < static_cast<unsigned>(n);
       i += gridDim.x * blockDim.x)
    mine += x[i];
  mine = block_sum(mine);
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = mine;
    __threadfence();
    last = atomicAdd(done, 1u) == gridDim.x - 1;
  }
  __syncthreads();
  if (!last || threadIdx.x != 0) return;
  float total = 0;
  for (unsigned b = 0; b < gridDim.x; ++b) total += partial[b];
  *sum = total;
  *done = 0;
}

__global__ void corners(int* out) {
  const int t = static_cast<int>(threadIdx.x), lane = t % 32;
  if (t >= 112) return;  // the last half of the last warp ends before the barrier
  __syncthreads();
  if (t < 32) {
    int value = lane;  // two halves in different branches, at the same time
    if (lane < 16) {
      for (int d = 8; d > 0; d /= 2) value += __shfl_xor_sync(0x0000ffffu, value, d, 16);
    } else {
      for (int d = 8; d > 0; d /= 2) value = max(value, __shfl_xor_sync(0xffff0000u, value, d, 16));
    }
    out[t] = value;
  } else if (t < 64) {
    const double next = __shfl_down_sync(kAll, static_cast<double>(lane), 1);
    out[t] = static_cast<int>(next) + 100 * __shfl_up_sync(kAll, lane, 2);
  } else if (t < 96) {
    const unsigned odd = __ballot_sync(kAll, lane & 1);
    out[t] = __popc(odd) + 100 * __any_sync(kAll, lane == 5) + 1000 * __all_sync(kAll, lane == 5) +
             10000 * (__reduce_max_sync(kAll, -lane) == 0) +
             100000 * __popc(__match_any_sync(kAll, lane / 8));
  } else {
    out[t] = static_cast<int>(__ballot_sync(0x0000ffffu, lane & 1));
  }
  const int below = __syncthreads_count(t < 50);
  const int all = __syncthreads_and(t >= 0), some = __syncthreads_or(t < 0);
  if (t < 48) out[112 + t] = below + 1000 * all + 10000 * some;
}

__global__ void twice_in_a_pipeline(const float* x, float* y, int tiles) {
  constexpr int kTile = 256;
  float4* buffer = reinterpret_cast<float4*>(dynamic_shared<float>());  // two tiles
  const int t = static_cast<int>(threadIdx.x);                          // 64 of them
  const auto start = [&](int tile) {
    copy_async<16>(buffer + tile % 2 * 64 + t, x + tile * kTile + t * 4);
  };
  start(0);
  commit_copies();
  for (int tile = 0; tile < tiles; ++tile) {
    if (tile + 1 < tiles) start(tile + 1);
    commit_copies();
    wait_copies<1>();
    __syncthreads();
    const float* from = reinterpret_cast<const float*>(buffer + tile % 2 * 64);
    for (int i = t; i < kTile; i += 64) y[tile * kTile + i] = 2 * from[kTile - 1 - i];
    __syncthreads();
  }
}

__global__ void fold(const float* x, __nv_bfloat16* y, int n) {
  const int first = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x) * 8;
  if (first + 8 <= n) {
    __nv_bfloat162 sums[4];
    for (int j = 0; j < 4; ++j) {
      const int i = first + 2 * j;
      sums[j] = __floats2bfloat162_rn(x[i] + x[n - 1 - i], x[i + 1] + x[n - 2 - i]);
    }
    *reinterpret_cast<uint4*>(y + first) = *reinterpret_cast<const uint4*>(sums);
    return;
  }
  for (int i = first; i < n; ++i) y[i] = __float2bfloat16_rn(x[i] + x[n - 1 - i]);
}

__global__ void swap_neighbours(const float* x, float* y) {
  ORCHID_SHARED(float, slots, [64]);
  const unsigned t = threadIdx.x;
  slots[t] = x[t];
  __syncwarp();
  y[t] = slots[t ^ 1];
}

__global__ void wait_for_flag(int* flag) {
  if (threadIdx.x == 0) {
    while (atomicAdd(flag, 0) == 0) __nanosleep(20);
  } else if (threadIdx.x == 40) {
    atomicExch(flag, 1);
  }
}

__global__ void fill_elements(float* x, int n, float value) {
  for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < static_cast<unsigned>(n);
       i += gridDim.x * blockDim.x)
    x[i] = value;
}

__global__ void do_nothing() {}

__global__ void move_vectors(const float* x, float* y, int stride) {
  const int at = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x) * stride;
  const float4 four = *reinterpret_cast<const float4*>(x + at);
  float values[4] = {four.x, four.y, four.z, four.w};
  for (float& value : values) value += 1;
  *reinterpret_cast<float4*>(y + at) = make_float4(values[0], values[1], values[2], values[3]);
}

unsigned blocks_of(int n, int size) {
  return static_cast<unsigned>((n + size - 1) / size);
}

}  // namespace

void transpose(const float* x, float* y, int rows, int columns, bool padded, bool scattered,
               cudaStream_t stream) {
  launch({.grid = dim3(blocks_of(columns, 32), blocks_of(rows, 32)),
          .block = dim3(32, 8),
          .stream = stream,
          .name = "transpose"},
         scattered ? transpose_tiles<33, true>
         : padded  ? transpose_tiles<33, false>
                   : transpose_tiles<32, false>,
         x, y, rows, columns);
}

void row_sums(const float* x, float* sums, int rows, int width, int block) {
  launch({.grid = static_cast<unsigned>(rows),
          .block = static_cast<unsigned>(block),
          .name = "row_sums"},
         sum_rows, x, sums, width);
}

void last_block_sum(const float* x, float* partial, unsigned* done, float* sum, int n) {
  launch({.grid = 7, .block = 128, .name = "last_block_sum"}, sum_with_last_block, x, partial, done,
         sum, n);
}

void warp_corners(int* out) {
  launch({.grid = 1, .block = 128, .name = "warp_corners"}, corners, out);
}

void pipelined_twice(const float* x, float* y, int n) {
  launch({.grid = 1, .block = 64, .shared = 2048, .name = "pipelined_twice"}, twice_in_a_pipeline,
         x, y, n / 256);
}

void fold_bf16(const float* x, std::uint16_t* y, int n) {
  launch({.grid = blocks_of(n, 256), .block = 32, .name = "fold_bf16"}, fold, x,
         reinterpret_cast<__nv_bfloat16*>(y), n);
}

void neighbours(const float* x, float* y) {
  launch({.grid = 1, .block = 64, .name = "neighbours"}, swap_neighbours, x, y);
}

void spin_until_set(int* flag) {
  launch({.grid = 1, .block = 64, .name = "spin_until_set"}, wait_for_flag, flag);
}

void fill(float* x, int n, float value, cudaStream_t stream) {
  launch({.grid = 2, .block = 64, .stream = stream, .name = "fill"}, fill_elements, x, n, value);
}

void fill_with(float* x, int n, float value, unsigned blocks, unsigned threads, unsigned shared) {
  launch({.grid = blocks, .block = threads, .shared = shared, .name = "fill"}, fill_elements, x, n,
         value);
}

void nothing(dim3 grid, dim3 block) {
  launch({.grid = grid, .block = block, .name = "nothing"}, do_nothing);
}

void copy_vectors(const float* x, float* y, int threads, int stride) {
  launch({.grid = 1, .block = static_cast<unsigned>(threads), .name = "copy_vectors"}, move_vectors,
         x, y, stride);
}

}  // namespace orchid::simt::self
