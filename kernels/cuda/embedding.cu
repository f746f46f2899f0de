#include "kernels/cuda/device/vector.cuh"
#include "kernels/ops/embedding.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

constexpr int kBlock = 256;

struct Lookup {
  const std::int32_t* ids;
  const std::int32_t* segments;  ///< null: 0 everywhere
  const float* tokens;
  const float* positions;  ///< may be null
  const float* types;      ///< may be null
  std::int64_t count, length, width;
  int vocabulary, segment_count;
};

/// One thread V elements of a row.
template <class T, int V>
__global__ void __launch_bounds__(kBlock) look_up(Lookup s, T* y) {
  const std::int64_t packs = s.width / V, i = grid_thread();
  if (i >= s.count * packs) return;
  const std::int64_t at = i / packs, c = i % packs * V;
  const int id = s.ids[at], segment = s.types && s.segments ? s.segments[at] : 0;
  float sum[V], part[V];
  if (id < 0 || id >= s.vocabulary || segment < 0 || segment >= s.segment_count) {
#pragma unroll
    for (int v = 0; v < V; ++v) sum[v] = __int_as_float(0x7fffffff);  // NaN
    return store(y + at * s.width + c, sum);
  }
  load(s.tokens + id * s.width + c, sum);
  if (s.positions) {
    load(s.positions + at % s.length * s.width + c, part);
#pragma unroll
    for (int v = 0; v < V; ++v) sum[v] += part[v];
  }
  if (s.types) {
    load(s.types + segment * s.width + c, part);
#pragma unroll
    for (int v = 0; v < V; ++v) sum[v] += part[v];
  }
  store(y + at * s.width + c, sum);
}

/// y[m] = x[rows[m]], or zeros.
template <class T, int V>
__global__ void __launch_bounds__(kBlock)
    gather(const T* x, const std::int32_t* rows, std::int64_t count, std::int64_t width, T* y) {
  const std::int64_t packs = width / V, i = grid_thread();
  if (i >= count * packs) return;
  const std::int64_t m = i / packs, c = i % packs * V;
  float values[V] = {};
  if (rows[m] >= 0) load(x + rows[m] * width + c, values);
  store(y + m * width + c, values);
}

/// dx[rows[m]] = dy[m].
template <class T, int V>
__global__ void __launch_bounds__(kBlock)
    scatter(const T* dy, const std::int32_t* rows, std::int64_t count, std::int64_t width, T* dx) {
  const std::int64_t packs = width / V, i = grid_thread();
  if (i >= count * packs) return;
  const std::int64_t m = i / packs, c = i % packs * V;
  if (rows[m] < 0) return;
  float values[V];
  load(dy + m * width + c, values);
  store(dx + rows[m] * width + c, values);
}

}  // namespace

void Embedding::cuda(Context& ctx) const {
  const std::int64_t width = tokens->shape()[1];
  const auto rows_of = [](const OptionalIn& table) {
    return table.defined() ? elements<float>(*table) : nullptr;
  };
  const Lookup lookup{.ids = elements<std::int32_t>(*ids),
                      .segments = segments.defined() ? elements<std::int32_t>(*segments) : nullptr,
                      .tokens = elements<float>(*tokens),
                      .positions = rows_of(positions),
                      .types = rows_of(types),
                      .count = ids->count(),
                      .length = ids->shape()[1],
                      .width = width,
                      .vocabulary = static_cast<int>(tokens->shape()[0]),
                      .segment_count = types.defined() ? static_cast<int>(types->shape()[0]) : 1};
  dispatch_cuda_float(y->dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* const to = elements<T>(*y);
    const bool vectors =
        vectorizable<float>(width, lookup.tokens, lookup.positions, lookup.types, to);
    launch({.grid = blocks_for(lookup.count * (width / (vectors ? 4 : 1)), kBlock),
            .block = kBlock,
            .stream = stream_of(ctx),
            .name = name},
           vectors ? look_up<T, 4> : look_up<T, 1>, lookup, to);
  });
}

void GatherRows::cuda(Context& ctx) const {
  const std::int64_t width = x->shape().last(), count = rows->count();
  dispatch_cuda_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from = elements<T>(*x);
    T* const to = elements<T>(*y);
    const bool vectors = vectorizable<T>(width, from, to);
    launch({.grid = blocks_for(count * (width / (vectors ? kLanes<T> : 1)), kBlock),
            .block = kBlock,
            .stream = stream_of(ctx),
            .name = name},
           vectors ? gather<T, kLanes<T>> : gather<T, 1>, from, elements<std::int32_t>(*rows),
           count, width, to);
  });
}

void GatherRowsGrad::cuda(Context& ctx) const {
  const std::int64_t width = dx->shape().last(), count = rows->count();
  ctx.memory()->zero(dx->raw(), dx->bytes());
  dispatch_cuda_float(dy->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from = elements<T>(*dy);
    T* const to = elements<T>(*dx);
    const bool vectors = vectorizable<T>(width, from, to);
    launch({.grid = blocks_for(count * (width / (vectors ? kLanes<T> : 1)), kBlock),
            .block = kBlock,
            .stream = stream_of(ctx),
            .name = name},
           vectors ? scatter<T, kLanes<T>> : scatter<T, 1>, from, elements<std::int32_t>(*rows),
           count, width, to);
  });
}

}  // namespace orchid::ops
