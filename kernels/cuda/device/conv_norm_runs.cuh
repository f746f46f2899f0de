#pragma once

#include "kernels/cuda/device/conv_norm_layer.cuh"
#include "kernels/cuda/device/reduce.cuh"

/// Layers of three taps whose rows fit a block: a thread has the same pack of channels in a run of
/// rows, with their parameters in registers; what is read comes once, through a window that slides
/// along the run, and is on its way in shared memory some rows ahead.
namespace orchid::cuda {

/// Of a block: with the registers of three blocks in a multiprocessor, or of one.
inline constexpr int kFewRunThreads = 192, kMostRunThreads = 512;

/// Packs of kSize = 4 outputs: of 4 groups, or of both outputs of 2.
template <int kOut>
using RunPack = PackOf<4 / kOut, kOut, 3>;

/// Consecutive positions of one sample, counted from the first: `count` rows to compute, of which
/// the neighbours from `low` to `high` lie in the sample and are of use, too.
struct Run {
  std::int64_t row;  ///< of position 0
  int count, low, high;

  __device__ bool has(int position) const { return position >= low && position <= high; }
  /// No further than a row beyond.
  __device__ bool has_near(int position) const { return has(position) && position <= count; }
  __device__ bool owns(int position) const { return position >= 0 && position < count; }
};

struct Runs {
  std::int64_t count;
  int run, per_sample, length;

  /// With neighbours of use up to `halo` rows beyond. All threads reach every barrier; those beyond
  /// the runs or the row have an empty run.
  __device__ Run get(std::int64_t i, bool inside, int halo) const {
    if (i >= count || !inside) return {0, 0, 0, -1};
    const int first = static_cast<int>(i % per_sample) * run, left = length - first,
              last = run + halo < left ? run + halo : left;
    return {i / per_sample * length + first, run < left ? run : left, -first, last - 1};
  }
};

/// What a thread of a block (threads of a row, runs at a time) has.
template <class Pack>
struct RunThread {
  int thread, threads;  ///< in the block
  bool inside;
  int co, group;  ///< first of its pack; 0 beyond the row
  std::int64_t run, runs;

  __device__ explicit RunThread(int outputs)
      : thread(static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x)),
        threads(static_cast<int>(blockDim.x * blockDim.y)),
        inside(static_cast<int>(threadIdx.x) * Pack::kSize < outputs),
        co(inside ? static_cast<int>(threadIdx.x) * Pack::kSize : 0),
        group(co / Pack::kOut),
        run(std::int64_t{blockIdx.x} * blockDim.y + threadIdx.y),
        runs(std::int64_t{gridDim.x} * blockDim.y) {}
};

/// 1 / sqrt(x), a step of Newton's from the approximation.
inline __device__ float inverse_root(float x) {
  const float y = rsqrtf(x);
  return y * (1.5f - 0.5f * x * y * y);
}

/// Sums of 4 values over the threads of a row, in all of them and in a fixed order: half of the
/// values change lanes at each step. Two calls in a row need different `parts`, one of each warp.
inline __device__ void row_totals(float (&values)[4], float4* parts) {
  constexpr unsigned kAll = 0xffffffffu;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const bool upper = lane & 16, odd = lane & 8;
  float a = upper ? values[2] : values[0], b = upper ? values[3] : values[1];
  a += __shfl_xor_sync(kAll, upper ? values[0] : values[2], 16);
  b += __shfl_xor_sync(kAll, upper ? values[1] : values[3], 16);
  float sum = (odd ? b : a) + __shfl_xor_sync(kAll, odd ? a : b, 8);
#pragma unroll
  for (int offset = 4; offset > 0; offset /= 2) sum += __shfl_xor_sync(kAll, sum, offset);
  const int warps = static_cast<int>(blockDim.x) / kWarp;
  float4* const own = parts + static_cast<int>(threadIdx.y) * warps;
  // Lanes 0, 8, 16, 24 have the values 0, 1, 2, 3.
  if (lane % 8 == 0)
    reinterpret_cast<float*>(own + static_cast<int>(threadIdx.x) / kWarp)[lane / 8] = sum;
  __syncthreads();
  float4 total = own[0];
  for (int warp = 1; warp < warps; ++warp) {
    const float4 part = own[warp];
    total.x += part.x, total.y += part.y, total.z += part.z, total.w += part.w;
  }
  values[0] = total.x, values[1] = total.y, values[2] = total.z, values[3] = total.w;
}

}  // namespace orchid::cuda
