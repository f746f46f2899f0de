#include "kernels/cuda/device/vector.cuh"
#include "kernels/ops/arithmetic.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

constexpr int kBlock = 256;

/// One thread a pack of V elements: y = f(a, b) over n elements, n a multiple of V.
template <class T, int V, class F>
__global__ void __launch_bounds__(kBlock)
    combine(const T* a, const T* b, T* y, std::int64_t n, F f) {
  const std::int64_t i = grid_thread() * V;
  if (i >= n) return;
  float left[V], right[V];
  load(a + i, left);
  load(b + i, right);
#pragma unroll
  for (int v = 0; v < V; ++v) left[v] = f(left[v], right[v]);
  store(y + i, left);
}

struct PlusScaled {
  float scale;
  __device__ float operator()(float a, float b) const { return a + scale * b; }
};

template <class T>
void run_combine(Context& ctx, const char* name, const T* a, const T* b, T* y, std::int64_t n,
                 PlusScaled f) {
  const bool vectors = vectorizable<T>(n, a, b, y);
  const int lanes = vectors ? kLanes<T> : 1;
  launch({.grid = blocks_for(n, kBlock, lanes),
          .block = kBlock,
          .stream = stream_of(ctx),
          .name = name},
         vectors ? combine<T, kLanes<T>, PlusScaled> : combine<T, 1, PlusScaled>, a, b, y, n, f);
}

template <class T, int V>
__global__ void __launch_bounds__(kBlock) fill(T* y, std::int64_t n, float value) {
  const std::int64_t i = grid_thread() * V;
  if (i >= n) return;
  float values[V];
#pragma unroll
  for (int v = 0; v < V; ++v) values[v] = value;
  store(y + i, values);
}

/// to[r, to_column + c] = (accumulate: its old value +) from[r, from_column + c] * mask[r].
struct Columns {
  std::int64_t rows, columns;
  std::int64_t from_width, from_column;
  std::int64_t to_width, to_column;
};

template <class T, int V, bool kAccumulate>
__global__ void __launch_bounds__(kBlock)
    move_columns(const T* from, T* to, const std::uint8_t* mask, Columns s) {
  const std::int64_t packs = s.columns / V, i = grid_thread();
  if (i >= s.rows * packs) return;
  const std::int64_t r = i / packs, c = i % packs * V;
  float values[V];
  load(from + r * s.from_width + s.from_column + c, values);
  T* target = to + r * s.to_width + s.to_column + c;
  if (mask && mask[r] == 0) {
#pragma unroll
    for (int v = 0; v < V; ++v) values[v] = 0;
  }
  if constexpr (kAccumulate) {
    float old[V];
    load(target, old);
#pragma unroll
    for (int v = 0; v < V; ++v) values[v] += old[v];
  }
  store(target, values);
}

template <class T, bool kAccumulate>
void run_move(Context& ctx, const char* name, const T* from, T* to, const std::uint8_t* mask,
              const Columns& s) {
  const bool vectors = vectorizable<T>(s.columns, from + s.from_column, to + s.to_column) &&
                       s.from_width % kLanes<T> == 0 && s.to_width % kLanes<T> == 0;
  const int lanes = vectors ? kLanes<T> : 1;
  launch({.grid = blocks_for(s.rows * (s.columns / lanes), kBlock),
          .block = kBlock,
          .stream = stream_of(ctx),
          .name = name},
         vectors ? move_columns<T, kLanes<T>, kAccumulate> : move_columns<T, 1, kAccumulate>, from,
         to, mask, s);
}

/// N elements a thread, where both types allow it.
template <class From, class To, int N>
__global__ void __launch_bounds__(kBlock) convert(const From* x, To* y, std::int64_t n) {
  const std::int64_t i = grid_thread() * N;
  if (i >= n) return;
  float values[N];
  load(x + i, values);
  store(y + i, values);
}

/// One block: thread t sums rows t, t + kBlock, ..., then the sums are added in a tree. In double,
/// as the op promises; M is a batch of targets. `correct` null: sums[1] is left as it is.
__global__ void __launch_bounds__(kBlock)
    sum_scores(const double* loss, const std::int32_t* correct, std::int64_t rows, double* sums) {
  ORCHID_SHARED(double, parts, [2][kBlock]);
  const int self = static_cast<int>(threadIdx.x);
  double total = 0, hits = 0;
  for (std::int64_t row = self; row < rows; row += kBlock) {
    total += loss[row];
    if (correct) hits += correct[row];
  }
  parts[0][self] = total;
  parts[1][self] = hits;
  __syncthreads();
  for (int half = kBlock / 2; half > 0; half /= 2) {
    if (self < half) {
      parts[0][self] += parts[0][self + half];
      parts[1][self] += parts[1][self + half];
    }
    __syncthreads();
  }
  if (self == 0 || (self == 1 && correct)) sums[self] += parts[self][0];
}

}  // namespace

void Fill::cuda(Context& ctx) const {
  const std::int64_t n = y->count();
  dispatch_cuda_float(y->dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* to = elements<T>(*y);
    const bool vectors = vectorizable<T>(n, to);
    launch({.grid = blocks_for(n, kBlock, vectors ? kLanes<T> : 1),
            .block = kBlock,
            .stream = stream_of(ctx),
            .name = name},
           vectors ? fill<T, kLanes<T>> : fill<T, 1>, to, n, static_cast<float>(value));
  });
}

void Add::cuda(Context& ctx) const {
  dispatch_cuda_float(y->dtype(), [&](auto zero) {
    using T = decltype(zero);
    run_combine<T>(ctx, name, elements<T>(*a), elements<T>(*b), elements<T>(*y), y->count(), {1});
  });
}

void AddScaled::cuda(Context& ctx) const {
  dispatch_cuda_float(y->dtype(), [&](auto zero) {
    using T = decltype(zero);
    run_combine<T>(ctx, name, elements<T>(*y), elements<T>(*x), elements<T>(*y), y->count(),
                   {static_cast<float>(scale)});
  });
}

void CopyColumns::cuda(Context& ctx) const {
  dispatch_cuda_float(y->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t width = y->shape().last();
    run_move<T, false>(ctx, name, elements<T>(*x), elements<T>(*y), nullptr,
                       {y->shape().rows(), width, x->shape().last(), column, width, 0});
  });
}

void AddColumns::cuda(Context& ctx) const {
  dispatch_cuda_float(y->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t width = x->shape().last();
    run_move<T, true>(ctx, name, elements<T>(*x), elements<T>(*y), nullptr,
                      {x->shape().rows(), width, width, 0, y->shape().last(), column});
  });
}

void MaskRows::cuda(Context& ctx) const {
  dispatch_cuda_float(y->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t width = x->shape().last();
    run_move<T, false>(ctx, name, elements<T>(*x), elements<T>(*y), elements<std::uint8_t>(*mask),
                       {x->shape().rows(), width, width, 0, width, 0});
  });
}

void Cast::cuda(Context& ctx) const {
  const std::int64_t n = x->count();
  dispatch_cuda_float(x->dtype(), [&](auto from_zero) {
    dispatch_cuda_float(y->dtype(), [&](auto to_zero) {
      using From = decltype(from_zero);
      using To = decltype(to_zero);
      const From* const from = elements<From>(*x);
      To* const to = elements<To>(*y);
      constexpr int kN = 8;
      const bool vectors = vectorizable<__nv_bfloat16>(n, from, to);
      launch({.grid = blocks_for(n, kBlock, vectors ? kN : 1, INT32_MAX),
              .block = kBlock,
              .stream = stream_of(ctx),
              .name = name},
             vectors ? convert<From, To, kN> : convert<From, To, 1>, from, to, n);
    });
  });
}

void AddScore::cuda(Context& ctx) const {
  launch({.grid = 1, .block = kBlock, .stream = stream_of(ctx), .name = name}, sum_scores,
         elements<double>(*loss), correct.defined() ? elements<std::int32_t>(*correct) : nullptr,
         loss->count(), elements<double>(*sums));
}

}  // namespace orchid::ops
