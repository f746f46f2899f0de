#include <algorithm>
#include <cmath>

#include "kernels/cuda/device/philox.cuh"
#include "kernels/cuda/device/vector.cuh"
#include "kernels/ops/dropout.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

constexpr int kBlock = 256;

/// Which elements are kept: those whose word of Philox is at least `bound`.
struct Draw {
  std::uint64_t key;
  std::uint64_t item;
  const std::int64_t* step;  ///< null: item is whole
  unsigned bound;
  float scale;

  __device__ std::uint64_t whole_item() const {
    return step ? item + static_cast<std::uint64_t>(*step) * kDropoutSites : item;
  }
  /// Whether draw j says keep.
  __device__ bool keeps(std::int64_t j) const {
    const uint4 words = philox_words(key, whole_item(), static_cast<std::uint64_t>(j) / 4);
    const unsigned pair[2] = {j & 2 ? words.z : words.x, j & 2 ? words.w : words.y};
    return (j & 1 ? pair[1] : pair[0]) >= bound;
  }
  /// Four elements from 4 * group on.
  __device__ void keep(std::uint64_t group, const float* x, float* y) const {
    const uint4 words = philox_words(key, whole_item(), group);
    y[0] = words.x >= bound ? scale * x[0] : 0.0f;
    y[1] = words.y >= bound ? scale * x[1] : 0.0f;
    y[2] = words.z >= bound ? scale * x[2] : 0.0f;
    y[3] = words.w >= bound ? scale * x[3] : 0.0f;
  }
};

/// One thread kLanes elements, kLanes / 4 groups. `kVectors`: n is a multiple of kLanes. kAdd: with
/// `add`.
template <class T, bool kVectors, bool kAdd>
__global__ void __launch_bounds__(kBlock)
    drop(const T* x, const T* add, T* y, std::int64_t n, Draw draw) {
  constexpr int kN = kLanes<T>;
  const std::int64_t i = grid_thread() * kN;
  if (i >= n) return;
  float values[kN], kept[kN], added[kN] = {};
  if constexpr (kVectors) {
    load(x + i, values);
    if constexpr (kAdd) load(add + i, added);
  } else {
#pragma unroll
    for (int v = 0; v < kN; ++v) {
      values[v] = i + v < n ? to_float(x[i + v]) : 0.0f;
      if (kAdd && i + v < n) added[v] = to_float(add[i + v]);
    }
  }
#pragma unroll
  for (int v = 0; v < kN; v += 4)
    draw.keep(static_cast<std::uint64_t>(i + v) / 4, values + v, kept + v);
  if constexpr (kAdd) {
#pragma unroll
    for (int v = 0; v < kN; ++v) kept[v] += added[v];
  }
  if constexpr (kVectors) {
    store(y + i, kept);
  } else {
#pragma unroll
    for (int v = 0; v < kN; ++v)
      if (i + v < n) y[i + v] = from_float<T>(kept[v]);
  }
}

/// Packs of a thread where many elements share a draw.
constexpr int kPacks = 4;

/// Block b has part b % parts of span b / parts, V elements a pack; what is dropped is not read.
template <class T, int V, bool kAdd>
__global__ void __launch_bounds__(kBlock)
    drop_spans(const T* x, const T* add, T* y, std::int64_t span, std::int64_t parts, Draw draw) {
  const std::int64_t at = blockIdx.x / parts, part = blockIdx.x % parts;
  const bool kept = draw.keeps(at);
  const std::int64_t first = (part * kPacks * kBlock + threadIdx.x) * V;
  x += at * span, y += at * span, add += kAdd ? at * span : 0;
  float values[kPacks][V] = {}, added[kPacks][V] = {};
#pragma unroll
  for (int p = 0; p < kPacks; ++p) {
    const std::int64_t i = first + p * kBlock * V;
    if (kept && i < span) load(x + i, values[p]);
    if constexpr (kAdd) {
      if (i < span) load(add + i, added[p]);
    }
  }
#pragma unroll
  for (int p = 0; p < kPacks; ++p) {
    const std::int64_t i = first + p * kBlock * V;
#pragma unroll
    for (int v = 0; v < V; ++v) values[p][v] = draw.scale * values[p][v] + added[p][v];
    if (i < span) store(y + i, values[p]);
  }
}

/// A call, its tensors as kernels of T see them.
template <class T>
struct Call {
  const T* x;
  const T* add;  ///< null: none
  T* y;
  std::int64_t n, span;
};

template <class T, bool kAdd>
void start(const Call<T>& c, LaunchConfig config, const Draw& draw) {
  if (c.span == 1) {
    const bool vectors = vectorizable<T>(c.n, c.x, c.add, c.y);
    config.grid = blocks_for(c.n, kBlock, kLanes<T>);
    return launch(config, vectors ? drop<T, true, kAdd> : drop<T, false, kAdd>, c.x, c.add, c.y,
                  c.n, draw);
  }
  const bool vectors = vectorizable<T>(c.span, c.x, c.add, c.y);
  const std::int64_t parts =
      blocks_for(c.span, kBlock, static_cast<std::int64_t>(kPacks) * (vectors ? kLanes<T> : 1));
  const std::int64_t blocks = c.n / c.span * parts;
  ORCHID_CHECK(blocks <= INT32_MAX, config.name, ": expected at most ", INT32_MAX, " spans, got ",
               c.n / c.span);
  if (blocks == 0) return;
  config.grid = static_cast<unsigned>(blocks);
  launch(config, vectors ? drop_spans<T, kLanes<T>, kAdd> : drop_spans<T, 1, kAdd>, c.x, c.add, c.y,
         c.span, parts, draw);
}

}  // namespace

void Dropout::cuda(Context& ctx) const {
  const auto bound = static_cast<unsigned>(std::min(std::ceil(rate * 0x1p32), 0x1p32 - 1));
  const Draw draw{Philox(seed, RandomPurpose::dropout).key(), item,
                  step.defined() ? elements<std::int64_t>(*step) : nullptr, bound,
                  static_cast<float>(1.0 / (1.0 - rate))};
  dispatch_cuda_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Call<T> call{elements<T>(*x), add.defined() ? elements<T>(*add) : nullptr,
                       elements<T>(*y), x->count(), span};
    const LaunchConfig config{.grid = {}, .block = kBlock, .stream = stream_of(ctx), .name = name};
    add.defined() ? start<T, true>(call, config, draw) : start<T, false>(call, config, draw);
  });
}

}  // namespace orchid::ops
