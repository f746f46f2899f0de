#include <cfloat>

#include "kernels/cuda/device/vector.cuh"
#include "kernels/ops/norm.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

/// A block has kColumns packs of V channels of one sample; kRows threads share the positions of a
/// pack.
constexpr int kColumns = 32, kRows = 8;

struct Extents {
  std::int64_t batch, length, channels;
};

/// The block's sample and the first channel of this thread's pack, which may lie beyond the last.
template <int V>
struct Place {
  std::int64_t sample, channel;

  __device__ explicit Place(const Extents& s) {
    const std::int64_t tiles = (s.channels + kColumns * V - 1) / (kColumns * V);
    const std::int64_t block = blockIdx.x;
    sample = block / tiles;
    channel = (block % tiles * kColumns + threadIdx.x) * V;
  }
};

/// x = the sum of x over the threads of a pack, in all of them, in a fixed order. A kernel calls it
/// once: the shared memory is not for use again.
template <int V>
__device__ void sum_over_rows(float (&x)[V]) {
  ORCHID_SHARED(float, parts, [kRows][kColumns * V + 1]);
  const int column = static_cast<int>(threadIdx.x) * V;
#pragma unroll
  for (int v = 0; v < V; ++v) parts[threadIdx.y][column + v] = x[v];
  __syncthreads();
#pragma unroll
  for (int v = 0; v < V; ++v) {
    x[v] = 0;
    for (int row = 0; row < kRows; ++row) x[v] += parts[row][column + v];
  }
}

template <int V>
__device__ void max_over_rows(float (&x)[V]) {
  ORCHID_SHARED(float, parts, [kRows][kColumns * V + 1]);
  const int column = static_cast<int>(threadIdx.x) * V;
#pragma unroll
  for (int v = 0; v < V; ++v) parts[threadIdx.y][column + v] = x[v];
  __syncthreads();
#pragma unroll
  for (int v = 0; v < V; ++v)
    for (int row = 0; row < kRows; ++row) x[v] = fmaxf(x[v], parts[row][column + v]);
}

/// One pass for the largest value and the sum of exp(x - largest), one for the result.
template <class T, int V>
__global__ void __launch_bounds__(kColumns* kRows, 2) softmax(const T* x, T* y, Extents s) {
  const Place<V> place(s);
  const std::int64_t start = place.sample * s.length * s.channels + place.channel;
  const std::int64_t length = place.channel < s.channels ? s.length : 0;
  float largest[V], sum[V], all[V];
#pragma unroll
  for (int v = 0; v < V; ++v) {
    largest[v] = -FLT_MAX;  // finite, so that no difference is that of two infinities
    sum[v] = 0;
  }
  for (std::int64_t l = threadIdx.y; l < length; l += kRows) {
    float values[V];
    load(x + start + l * s.channels, values);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const bool above = values[v] > largest[v];
      const float term = expf(-fabsf(values[v] - largest[v]));
      sum[v] = above ? sum[v] * term + 1 : sum[v] + term;
      if (above) largest[v] = values[v];
    }
  }
#pragma unroll
  for (int v = 0; v < V; ++v) all[v] = largest[v];
  max_over_rows(all);
#pragma unroll
  for (int v = 0; v < V; ++v) sum[v] *= expf(largest[v] - all[v]);
  sum_over_rows(sum);
#pragma unroll
  for (int v = 0; v < V; ++v) sum[v] = 1 / sum[v];
  for (std::int64_t l = threadIdx.y; l < length; l += kRows) {
    float values[V];
    load(x + start + l * s.channels, values);
#pragma unroll
    for (int v = 0; v < V; ++v) values[v] = expf(values[v] - all[v]) * sum[v];
    store(y + start + l * s.channels, values);
  }
}

template <class T, int V>
__global__ void __launch_bounds__(kColumns* kRows, 2)
    softmax_grad(const T* dy, const T* y, T* dx, Extents s) {
  const Place<V> place(s);
  const std::int64_t start = place.sample * s.length * s.channels + place.channel;
  const std::int64_t length = place.channel < s.channels ? s.length : 0;
  float dot[V] = {};
  for (std::int64_t l = threadIdx.y; l < length; l += kRows) {
    float d[V], value[V];
    load(dy + start + l * s.channels, d);
    load(y + start + l * s.channels, value);
#pragma unroll
    for (int v = 0; v < V; ++v) dot[v] += value[v] * d[v];
  }
  sum_over_rows(dot);
  for (std::int64_t l = threadIdx.y; l < length; l += kRows) {
    float d[V], value[V];
    load(dy + start + l * s.channels, d);
    load(y + start + l * s.channels, value);
#pragma unroll
    for (int v = 0; v < V; ++v) d[v] = value[v] * (d[v] - dot[v]);
    store(dx + start + l * s.channels, d);
  }
}

LaunchConfig config_for(Context& ctx, const char* name, const Extents& s, int lanes) {
  const std::int64_t columns = std::int64_t{kColumns} * lanes;
  return {.grid = static_cast<unsigned>(s.batch * ((s.channels + columns - 1) / columns)),
          .block = dim3(kColumns, kRows),
          .stream = stream_of(ctx),
          .name = name};
}

}  // namespace

void SequenceSoftmax::cuda(Context& ctx) const {
  if (x->count() == 0) return;
  const Extents extents{x->shape()[0], x->shape()[1], x->shape()[2]};
  dispatch_cuda_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const in = elements<T>(*x);
    T* const out = elements<T>(*y);
    const bool vectors = vectorizable<T>(extents.channels, in, out);
    launch(config_for(ctx, name, extents, vectors ? kLanes<T> : 1),
           vectors ? softmax<T, kLanes<T>> : softmax<T, 1>, in, out, extents);
  });
}

void SequenceSoftmaxGrad::cuda(Context& ctx) const {
  if (y->count() == 0) return;
  const Extents extents{y->shape()[0], y->shape()[1], y->shape()[2]};
  dispatch_cuda_float(y->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *const upper = elements<T>(*dy), *const value = elements<T>(*y);
    T* const lower = elements<T>(*dx);
    const bool vectors = vectorizable<T>(extents.channels, upper, value, lower);
    launch(config_for(ctx, name, extents, vectors ? kLanes<T> : 1),
           vectors ? softmax_grad<T, kLanes<T>> : softmax_grad<T, 1>, upper, value, lower, extents);
  });
}

}  // namespace orchid::ops
