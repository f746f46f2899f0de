#include "kernels/cuda/device/vector.cuh"
#include "kernels/ops/pool.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

/// A block has kWarp packs of V channels of one sample; its warps share the positions.
constexpr int kWarps = 8, kBlock = kWarps * kWarp;
/// Positions a thread has on the way from memory at a time.
constexpr int kAhead = 4;
/// Positions summed before their sum joins the others: the rounding of a long sum grows with the
/// chunks, not with its length.
constexpr std::int64_t kChunk = 512;

struct Extents {
  std::int64_t batch, length, channels;
};

/// The block's sample, the thread's warp and lane, and the first channel of its pack, which may lie
/// beyond the last. 32 bits inside a row: with 64 nvcc splits the stores of 16 bytes in four.
template <int V>
struct Place {
  std::int64_t sample;
  int warp, lane, channel;

  __device__ Place()
      : sample(blockIdx.x),
        warp(static_cast<int>(threadIdx.x) / kWarp),
        lane(static_cast<int>(threadIdx.x) % kWarp),
        channel((static_cast<int>(blockIdx.y) * kWarp + lane) * V) {}
};

/// 1 over the positions that count, 0 where none does, in every thread; all of the block must call.
inline __device__ float share_of_position(const std::uint8_t* mask, std::int64_t length) {
  std::int64_t count = length;
  if (mask) {
    count = 0;
    for (std::int64_t first = 0; first < length; first += kBlock) {
      const std::int64_t l = first + threadIdx.x;
      count += __syncthreads_count(l < length && mask[l] != 0);
    }
  }
  return count > 0 ? 1 / static_cast<float>(count) : 0.0f;
}

/// sum[v] += the sum of x[l * stride + v] over the positions l = first, first + kWarps, ... < last
/// that count; the others are not read.
template <class T, int V>
__device__ void add_positions(const T* x, std::int64_t stride, const std::uint8_t* kept,
                              std::int64_t first, std::int64_t last, float (&sum)[V]) {
  for (; first < last; first += kWarps * kAhead) {
    float values[kAhead][V] = {};
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      const std::int64_t l = first + i * kWarps;
      if (l < last && (!kept || kept[l] != 0)) load(x + l * stride, values[i]);
    }
#pragma unroll
    for (int i = 0; i < kAhead; ++i)
#pragma unroll
      for (int v = 0; v < V; ++v) sum[v] += values[i][v];
  }
}

/// Warp w sums positions w, w + kWarps, ... in chunks; the first warp adds the sums of all in
/// order.
template <class T, int V>
__global__ void __launch_bounds__(kBlock)
    mean_pool(const T* x, const std::uint8_t* mask, T* y, Extents s) {
  ORCHID_SHARED(float, parts, [kWarps][V][kWarp]);
  const Place<V> place;
  const std::uint8_t* const kept = mask ? mask + place.sample * s.length : nullptr;
  const T* const from = x + place.sample * s.length * s.channels + place.channel;
  const std::int64_t length = place.channel < s.channels ? s.length : 0;
  float sum[V] = {};
  for (std::int64_t first = 0; first < length; first += kChunk) {
    const std::int64_t last = first + kChunk < length ? first + kChunk : length;
    float part[V] = {};
    add_positions(from, s.channels, kept, first + place.warp, last, part);
#pragma unroll
    for (int v = 0; v < V; ++v) sum[v] += part[v];
  }
#pragma unroll
  for (int v = 0; v < V; ++v) parts[place.warp][v][place.lane] = sum[v];
  __syncthreads();
  const float share = share_of_position(kept, s.length);
  if (place.warp != 0 || place.channel >= s.channels) return;
#pragma unroll
  for (int v = 0; v < V; ++v) {
    float total = 0;
    for (int warp = 0; warp < kWarps; ++warp) total += parts[warp][v][place.lane];
    sum[v] = total * share;
  }
  store(y + place.sample * s.channels + place.channel, sum);
}

/// A thread holds a pack of the gradient and writes it to its warp's positions.
template <class T, int V>
__global__ void __launch_bounds__(kBlock)
    mean_pool_grad(const T* dy, const std::uint8_t* mask, T* dx, Extents s) {
  const Place<V> place;
  const std::uint8_t* const kept = mask ? mask + place.sample * s.length : nullptr;
  const float share = share_of_position(kept, s.length);
  if (place.channel >= s.channels) return;
  const float zeros[V] = {};
  float values[V];
  load(dy + place.sample * s.channels + place.channel, values);
#pragma unroll
  for (int v = 0; v < V; ++v) values[v] *= share;
  T* const to = dx + place.sample * s.length * s.channels + place.channel;
  for (std::int64_t l = place.warp; l < s.length; l += kWarps) {
    if (!kept || kept[l] != 0) {
      store(to + l * s.channels, values);
    } else {
      store(to + l * s.channels, zeros);
    }
  }
}

LaunchConfig config_for(Context& ctx, const char* name, const Extents& s, int lanes) {
  constexpr std::int64_t kMostTiles = 65535;  // of a grid's second axis
  const std::int64_t tiles = (s.channels + kWarp * lanes - 1) / (kWarp * lanes);
  ORCHID_CHECK(tiles <= kMostTiles, name, ": expected at most ", kMostTiles * kWarp * lanes,
               " channels, got ", s.channels);
  return {.grid = dim3(static_cast<unsigned>(s.batch), static_cast<unsigned>(tiles)),
          .block = kBlock,
          .stream = stream_of(ctx),
          .name = name};
}

const std::uint8_t* bytes_of(const OptionalIn& mask) {
  return mask.defined() ? elements<std::uint8_t>(*mask) : nullptr;
}

}  // namespace

void MeanPool::cuda(Context& ctx) const {
  if (y->count() == 0) return;
  const Extents extents{x->shape()[0], x->shape()[1], x->shape()[2]};
  dispatch_cuda_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const in = elements<T>(*x);
    T* const out = elements<T>(*y);
    const bool vectors = vectorizable<T>(extents.channels, in, out);
    launch(config_for(ctx, name, extents, vectors ? kLanes<T> : 1),
           vectors ? mean_pool<T, kLanes<T>> : mean_pool<T, 1>, in, bytes_of(mask), out, extents);
  });
}

void MeanPoolGrad::cuda(Context& ctx) const {
  if (dx->count() == 0) return;
  const Extents extents{dx->shape()[0], dx->shape()[1], dx->shape()[2]};
  dispatch_cuda_float(dy->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const upper = elements<T>(*dy);
    T* const lower = elements<T>(*dx);
    const bool vectors = vectorizable<T>(extents.channels, upper, lower);
    launch(config_for(ctx, name, extents, vectors ? kLanes<T> : 1),
           vectors ? mean_pool_grad<T, kLanes<T>> : mean_pool_grad<T, 1>, upper, bytes_of(mask),
           lower, extents);
  });
}

}  // namespace orchid::ops
