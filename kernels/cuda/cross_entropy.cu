#include <cfloat>
#include <climits>

#include "kernels/cuda/device/vector.cuh"
#include "kernels/ops/cross_entropy.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

constexpr int kBlock = 512;

/// The softmax of a part of a row: its largest element, the first place that has it, and the sum of
/// exp(x - largest). `largest` starts finite, so that no difference is that of two infinities.
struct Part {
  float largest = -FLT_MAX;
  float sum = 0;
  int first = INT_MAX;
};

inline __device__ Part joined(const Part& a, const Part& b) {
  Part both;
  both.largest = fmaxf(a.largest, b.largest);
  both.sum = a.sum * expf(a.largest - both.largest) + b.sum * expf(b.largest - both.largest);
  const int of_a = a.largest == both.largest ? a.first : INT_MAX;
  const int of_b = b.largest == both.largest ? b.first : INT_MAX;
  both.first = of_a < of_b ? of_a : of_b;
  return both;
}

/// Over a warp, in every lane; all of them must take part.
inline __device__ Part joined_over_warp(Part part) {
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2) {
    Part other;
    other.largest = __shfl_xor_sync(0xffffffffu, part.largest, offset);
    other.sum = __shfl_xor_sync(0xffffffffu, part.sum, offset);
    other.first = __shfl_xor_sync(0xffffffffu, part.first, offset);
    part = joined(part, other);
  }
  return part;
}

/// Over the block, in every thread, in a fixed order.
inline __device__ Part joined_over_block(Part part) {
  constexpr int kWarps = kBlock / kWarp;
  ORCHID_SHARED(float, largest, [kWarps]);
  ORCHID_SHARED(float, sum, [kWarps]);
  ORCHID_SHARED(int, first, [kWarps]);
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  part = joined_over_warp(part);
  if (lane == 0) {
    largest[warp] = part.largest;
    sum[warp] = part.sum;
    first[warp] = part.first;
  }
  __syncthreads();
  part = Part{};
  if (lane < kWarps) {
    part.largest = largest[lane];
    part.sum = sum[lane];
    part.first = first[lane];
  }
  return joined_over_warp(part);
}

/// This thread's part of a row: its sum is scaled once a pack, where the pack has a larger element.
template <class T, int V>
__device__ Part part_of_row(const T* x, int width) {
  Part part;
  for (int c = static_cast<int>(threadIdx.x) * V; c < width; c += kBlock * V) {
    float values[V];
    load(x + c, values);
    const float before = part.largest;
#pragma unroll
    for (int v = 0; v < V; ++v) {
      // Columns ascend, so the first of equals stays.
      if (values[v] > part.largest) {
        part.largest = values[v];
        part.first = c + v;
      }
    }
    if (part.largest > before) part.sum *= expf(before - part.largest);
#pragma unroll
    for (int v = 0; v < V; ++v) part.sum += expf(values[v] - part.largest);
  }
  return part;
}

/// One block a row. dlogits, which may be the logits, null: not wanted.
template <class T, int V>
__global__ void __launch_bounds__(kBlock)
    cross_entropy(const T* logits, const std::int32_t* targets, int width, double* loss,
                  std::int32_t* correct, T* dlogits) {
  const std::int64_t row = blockIdx.x;
  const T* const x = logits + row * width;
  T* const dx = dlogits ? dlogits + row * width : nullptr;
  const int target = targets[row];
  if (target < 0) {  // the whole block
    if (threadIdx.x == 0) {
      loss[row] = 0;
      correct[row] = 0;
    }
    if (!dx) return;
    const float zeros[V] = {};
    for (int c = static_cast<int>(threadIdx.x) * V; c < width; c += kBlock * V)
      store(dx + c, zeros);
    return;
  }
  const float wanted = to_float(x[target]);
  const Part all = joined_over_block(part_of_row<T, V>(x, width));
  if (threadIdx.x == 0) {
    // In double, once a row: a sum of many terms has a logarithm whose rounding would show.
    loss[row] = log(static_cast<double>(all.sum)) +
                (static_cast<double>(all.largest) - static_cast<double>(wanted));
    correct[row] = all.first == target ? 1 : 0;
  }
  if (!dx) return;
  const float factor = 1 / all.sum;
  for (int c = static_cast<int>(threadIdx.x) * V; c < width; c += kBlock * V) {
    float values[V];
    load(x + c, values);
#pragma unroll
    for (int v = 0; v < V; ++v)
      values[v] = expf(values[v] - all.largest) * factor - (c + v == target ? 1.0f : 0.0f);
    store(dx + c, values);
  }
}

}  // namespace

void CrossEntropy::cuda(Context& ctx) const {
  const std::int64_t rows = logits->shape()[0], width = logits->shape()[1];
  if (rows == 0) return;
  ORCHID_CHECK(width < INT_MAX - kBlock * 8, name, ": logits: expected fewer classes, got ", width);
  dispatch_cuda_float(logits->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const in = elements<T>(*logits);
    T* const gradient = dlogits.defined() ? elements<T>(*dlogits) : nullptr;
    const bool vectors = vectorizable<T>(width, in, gradient);
    launch({.grid = static_cast<unsigned>(rows),
            .block = kBlock,
            .stream = stream_of(ctx),
            .name = name},
           vectors ? cross_entropy<T, kLanes<T>> : cross_entropy<T, 1>, in,
           elements<std::int32_t>(*targets), static_cast<int>(width), elements<double>(*loss),
           elements<std::int32_t>(*correct), gradient);
  });
}

}  // namespace orchid::ops
