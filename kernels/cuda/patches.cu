#include <climits>

#include "kernels/cuda/device/column_sums.cuh"
#include "kernels/cuda/device/vector.cuh"
#include "kernels/ops/patches.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

constexpr int kBlock = 256;
/// Most blocks along a grid's second axis.
constexpr std::int64_t kMostAcross = 65535;

/// A band of a picture, P rows of it, is one piece of memory before and after: rows r of patches j,
/// each a run of numbers side by side.
struct Band {
  unsigned side, across, run;  ///< P, W / P, P C

  __host__ __device__ std::int64_t count() const {
    return static_cast<std::int64_t>(side) * across * run;
  }
};

/// Block (b, part): a part of band b, one thread V numbers of a run, in the order of y.
template <class T, int V>
__global__ void __launch_bounds__(kBlock) cut(const float* x, T* y, Band band) {
  const std::int64_t first = blockIdx.x * band.count();
  const unsigned i = (blockIdx.y * kBlock + threadIdx.x) * V;
  if (i >= band.count()) return;
  const unsigned patch = band.side * band.run, j = i / patch, within = i % patch;
  const unsigned r = within / band.run, c = within % band.run;
  float values[V];
  load(x + first + (r * band.across + j) * band.run + c, values);
  store(y + first + i, values);
}

/// V numbers of a position of all pictures b = blockIdx.y, blockIdx.y + gridDim.y, ...: what is
/// added is read once. `each`: numbers of a picture in y, the first `before` of them the token's.
template <class T, int V>
__global__ void __launch_bounds__(kBlock)
    add_positions(const T* x, const float* token, const float* positions, T* y, std::int64_t batch,
                  std::int64_t each, std::int64_t before) {
  const std::int64_t i = grid_thread() * V;
  if (i >= each) return;
  float added[V] = {};
  if (positions) load(positions + i, added);
  if (i < before) {
    float values[V];
    load(token + i, values);
#pragma unroll
    for (int v = 0; v < V; ++v) values[v] += added[v];
    for (std::int64_t b = blockIdx.y; b < batch; b += gridDim.y) store(y + b * each + i, values);
    return;
  }
  const T* const from = x + (i - before);
#pragma unroll 4
  for (std::int64_t b = blockIdx.y; b < batch; b += gridDim.y) {
    float values[V];
    load(from + b * (each - before), values);
#pragma unroll
    for (int v = 0; v < V; ++v) values[v] += added[v];
    store(y + b * each + i, values);
  }
}

/// dx[b] = dy[b] without its first `before` numbers; `each`: those of a picture in dx.
template <class T, int V>
__global__ void __launch_bounds__(kBlock)
    leave_token(const T* dy, T* dx, std::int64_t batch, std::int64_t each, std::int64_t before) {
  const std::int64_t i = grid_thread() * V;
  if (i >= each) return;
#pragma unroll 4
  for (std::int64_t b = blockIdx.y; b < batch; b += gridDim.y) {
    float values[V];
    load(dy + b * (each + before) + before + i, values);
    store(dx + b * each + i, values);
  }
}

/// Row b of the numbers that pictures share a gradient of.
template <class T>
struct PictureRows {
  const T* dy;
  std::int64_t each;

  template <int V>
  __device__ void operator()(std::int64_t b, std::int64_t c, float (&out)[1][V]) const {
    load(dy + b * each + c, out[0]);
  }
};

/// Threads over the numbers of a picture, and the pictures in `kShare` or more for each.
LaunchConfig config_for(Context& ctx, const char* name, std::int64_t each, int lanes,
                        std::int64_t batch) {
  constexpr std::int64_t kShare = 8;
  const std::int64_t shares = (batch + kShare - 1) / kShare;
  return {.grid = dim3(blocks_for(each, kBlock, lanes),
                       static_cast<unsigned>(shares < kMostAcross ? shares : kMostAcross)),
          .block = kBlock,
          .stream = stream_of(ctx),
          .name = name};
}

}  // namespace

void Patches::cuda(Context& ctx) const {
  if (y->count() == 0) return;
  const Shape& shape = x->shape();
  const Band band{static_cast<unsigned>(patch), static_cast<unsigned>(shape[2] / patch),
                  static_cast<unsigned>(patch * shape[3])};
  const std::int64_t bands = shape[0] * (shape[1] / patch);
  ORCHID_CHECK(band.count() < kMostAcross * kBlock && bands <= INT_MAX, name,
               ": x: expected smaller pictures, got ", shape);
  const float* const in = elements<float>(*x);
  dispatch_cuda_float(y->dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* const out = elements<T>(*y);
    const auto start = [&](auto kernel, int lanes) {
      launch({.grid = dim3(static_cast<unsigned>(bands), blocks_for(band.count(), kBlock, lanes)),
              .block = kBlock,
              .stream = stream_of(ctx),
              .name = name},
             kernel, in, out, band);
    };
    if (vectorizable<T>(band.run, in, out)) return start(cut<T, kLanes<T>>, kLanes<T>);
    if (vectorizable<float>(band.run, in, out)) return start(cut<T, 4>, 4);
    start(cut<T, 1>, 1);
  });
}

void PatchTokens::cuda(Context& ctx) const {
  if (y->count() == 0) return;
  const std::int64_t width = y->shape()[2], each = y->shape()[1] * width;
  const std::int64_t before = token.defined() ? width : 0;
  const float* const first = token.defined() ? elements<float>(*token) : nullptr;
  const float* const added = positions.defined() ? elements<float>(*positions) : nullptr;
  dispatch_cuda_float(y->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const in = elements<T>(*x);
    T* const out = elements<T>(*y);
    const bool vectors = vectorizable<T>(width, in, first, added, out);
    launch(config_for(ctx, name, each, vectors ? kLanes<T> : 1, y->shape()[0]),
           vectors ? add_positions<T, kLanes<T>> : add_positions<T, 1>, in, first, added, out,
           y->shape()[0], each, before);
  });
}

void PatchTokensGrad::cuda(Context& ctx) const {
  if (dy->count() == 0) return;
  const std::int64_t batch = dy->shape()[0], width = dy->shape()[2];
  const std::int64_t each = dy->shape()[1] * width;
  dispatch_cuda_float(dy->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const upper = elements<T>(*dy);
    const PictureRows<T> rows{upper, each};
    const bool packs = width % 4 == 0 && vectorizable<float>(each, upper);
    if (dpositions.defined())
      accumulate_columns<1>(ctx, name, rows, batch, each, {{elements<float>(*dpositions)}}, packs);
    if (!dx.defined()) return;
    accumulate_columns<1>(ctx, name, rows, batch, width, {{elements<float>(*dtoken)}}, packs);
    if (dx->count() == 0) return;
    T* const lower = elements<T>(*dx);
    const bool vectors = vectorizable<T>(width, upper, lower);
    launch(config_for(ctx, name, each - width, vectors ? kLanes<T> : 1, batch),
           vectors ? leave_token<T, kLanes<T>> : leave_token<T, 1>, upper, lower, batch,
           each - width, width);
  });
}

}  // namespace orchid::ops
