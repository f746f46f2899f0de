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
  /// Four elements from 4 * group on.
  __device__ void keep(std::uint64_t group, const float* x, float* y) const {
    const uint4 words = philox_words(key, whole_item(), group);
    y[0] = words.x >= bound ? scale * x[0] : 0.0f;
    y[1] = words.y >= bound ? scale * x[1] : 0.0f;
    y[2] = words.z >= bound ? scale * x[2] : 0.0f;
    y[3] = words.w >= bound ? scale * x[3] : 0.0f;
  }
};

/// One thread kLanes elements, kLanes / 4 groups. `kVectors`: n is a multiple of kLanes.
template <class T, bool kVectors>
__global__ void __launch_bounds__(kBlock) drop(const T* x, T* y, std::int64_t n, Draw draw) {
  constexpr int kN = kLanes<T>;
  const std::int64_t i = grid_thread() * kN;
  if (i >= n) return;
  float values[kN], kept[kN];
  if constexpr (kVectors) {
    load(x + i, values);
  } else {
#pragma unroll
    for (int v = 0; v < kN; ++v) values[v] = i + v < n ? to_float(x[i + v]) : 0.0f;
  }
#pragma unroll
  for (int v = 0; v < kN; v += 4)
    draw.keep(static_cast<std::uint64_t>(i + v) / 4, values + v, kept + v);
  if constexpr (kVectors) {
    store(y + i, kept);
  } else {
#pragma unroll
    for (int v = 0; v < kN; ++v)
      if (i + v < n) y[i + v] = from_float<T>(kept[v]);
  }
}

}  // namespace

void Dropout::cuda(Context& ctx) const {
  const auto bound = static_cast<unsigned>(std::min(std::ceil(rate * 0x1p32), 0x1p32 - 1));
  const Draw draw{Philox(seed, RandomPurpose::dropout).key(), item,
                  step.defined() ? elements<std::int64_t>(*step) : nullptr, bound,
                  static_cast<float>(1.0 / (1.0 - rate))};
  const std::int64_t n = x->count();
  dispatch_cuda_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from = elements<T>(*x);
    T* const to = elements<T>(*y);
    launch({.grid = blocks_for(n, kBlock, kLanes<T>),
            .block = kBlock,
            .stream = stream_of(ctx),
            .name = name},
           vectorizable<T>(n, from, to) ? drop<T, true> : drop<T, false>, from, to, n, draw);
  });
}

}  // namespace orchid::ops
