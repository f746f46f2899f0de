#include <cfloat>
#include <climits>

#include "kernels/cuda/device/reduce.cuh"
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
/// With kTotal the elements themselves are added to `total`.
template <class T, int V, bool kTotal>
__device__ Part part_of_row(const T* x, int width, float& total) {
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
    if constexpr (kTotal) {
#pragma unroll
      for (int v = 0; v < V; ++v) total += values[v];
    }
  }
  return part;
}

/// The probabilities that the softmax is held against, beyond the one of the target.
struct Mixture {
  const std::int32_t* partners;  ///< null: none
  const float* shares;
  float smoothing;
};

/// The same for one row: q = weight at the target, other_weight at the partner, `everywhere` more.
struct RowMixture {
  int partner = -1;
  float weight = 1, other_weight = 0, everywhere = 0;

  RowMixture() = default;
  __device__ RowMixture(const Mixture& q, std::int64_t row, int width)
      : weight(1 - q.smoothing), everywhere(q.smoothing / static_cast<float>(width)) {
    if (!q.partners) return;
    partner = q.partners[row];
    other_weight = weight * (1 - q.shares[row]);
    weight *= q.shares[row];
  }
  __device__ float at(int c, int target) const {
    return everywhere + (c == target ? weight : 0.0f) + (c == partner ? other_weight : 0.0f);
  }
};

/// A row that does not count, by the whole block.
template <class T, int V>
__device__ void leave_out(int width, double* loss, std::int32_t* correct, T* dx) {
  if (threadIdx.x == 0) {
    *loss = 0;
    *correct = 0;
  }
  if (!dx) return;
  const float zeros[V] = {};
  for (int c = static_cast<int>(threadIdx.x) * V; c < width; c += kBlock * V) store(dx + c, zeros);
}

/// One block a row. dlogits, which may be the logits, null: not wanted.
template <class T, int V, bool kMixed>
__global__ void __launch_bounds__(kBlock)
    cross_entropy(const T* logits, const std::int32_t* targets, Mixture mixture, int width,
                  double* loss, std::int32_t* correct, T* dlogits) {
  const std::int64_t row = blockIdx.x;
  const T* const x = logits + row * width;
  T* const dx = dlogits ? dlogits + row * width : nullptr;
  const int target = targets[row];
  if (target < 0) return leave_out<T, V>(width, loss + row, correct + row, dx);
  RowMixture q;
  if constexpr (kMixed) q = RowMixture(mixture, row, width);
  const float wanted = to_float(x[target]);
  const float other = kMixed && q.partner >= 0 ? to_float(x[q.partner]) : 0.0f;
  float total[1] = {};
  const Part all = joined_over_block(part_of_row<T, V, kMixed>(x, width, total[0]));
  if constexpr (kMixed) block_sum<kBlock>(total);
  if (threadIdx.x == 0) {
    // In double, once a row: a sum of many terms has a logarithm whose rounding would show.
    const double largest = static_cast<double>(all.largest);
    double above = largest - static_cast<double>(wanted);
    if constexpr (kMixed) {
      above *= static_cast<double>(q.weight);
      if (q.partner >= 0)
        above += static_cast<double>(q.other_weight) * (largest - static_cast<double>(other));
      if (q.everywhere > 0)
        above += static_cast<double>(q.everywhere) *
                 (static_cast<double>(width) * largest - static_cast<double>(total[0]));
    }
    loss[row] = log(static_cast<double>(all.sum)) + above;
    correct[row] = all.first == target ? 1 : 0;
  }
  if (!dx) return;
  const float factor = 1 / all.sum;
  for (int c = static_cast<int>(threadIdx.x) * V; c < width; c += kBlock * V) {
    float values[V];
    load(x + c, values);
#pragma unroll
    for (int v = 0; v < V; ++v)
      values[v] = expf(values[v] - all.largest) * factor - (kMixed            ? q.at(c + v, target)
                                                            : c + v == target ? 1.0f
                                                                              : 0.0f);
    store(dx + c, values);
  }
}

/// The kernel of a call.
template <class T, int V>
auto kernel_for(bool mixed) {
  return mixed ? cross_entropy<T, V, true> : cross_entropy<T, V, false>;
}

}  // namespace

void CrossEntropy::cuda(Context& ctx) const {
  const std::int64_t rows = logits->shape()[0], width = logits->shape()[1];
  if (rows == 0) return;
  ORCHID_CHECK(width < INT_MAX - kBlock * 8, name, ": logits: expected fewer classes, got ", width);
  const bool mixed = partners.defined() || smoothing > 0;
  const Mixture mixture{partners.defined() ? elements<std::int32_t>(*partners) : nullptr,
                        shares.defined() ? elements<float>(*shares) : nullptr,
                        static_cast<float>(smoothing)};
  dispatch_cuda_float(logits->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const in = elements<T>(*logits);
    T* const gradient = dlogits.defined() ? elements<T>(*dlogits) : nullptr;
    const bool vectors = vectorizable<T>(width, in, gradient);
    launch({.grid = static_cast<unsigned>(rows),
            .block = kBlock,
            .stream = stream_of(ctx),
            .name = name},
           vectors ? kernel_for<T, kLanes<T>>(mixed) : kernel_for<T, 1>(mixed), in,
           elements<std::int32_t>(*targets), mixture, static_cast<int>(width),
           elements<double>(*loss), elements<std::int32_t>(*correct), gradient);
  });
}

}  // namespace orchid::ops
