#include "kernels/cuda/device/column_sums.cuh"
#include "kernels/cuda/device/reduce.cuh"
#include "kernels/ops/norm.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

/// A row belongs to kThreads threads: a warp, of which a block then has kWarpRows, or a block. Each
/// thread keeps up to kKept elements of it in registers, as packs of V; kKept 0: none, the row is
/// read again for every pass, whatever its width.
constexpr int kWarpRows = 4, kBlock = 256, kMostKept = 32;

/// Sums over the threads of a row, in all of them.
template <int kThreads, int K>
__device__ void row_sums(float (&values)[K]) {
  if constexpr (kThreads == kWarp) {
#pragma unroll
    for (int k = 0; k < K; ++k) values[k] = warp_sum(values[k]);
  } else {
    block_sum<kThreads>(values);
  }
}

/// Calls body(pack, c) for the packs of V columns, from column c on, that are this thread's.
template <int V, int kThreads, int kKept, class Body>
__device__ void for_each_pack(std::int64_t width, const Body& body) {
  std::int64_t c = static_cast<std::int64_t>(threadIdx.x) * V;
  if constexpr (kKept > 0) {
#pragma unroll
    for (int pack = 0; pack < kKept / V; ++pack, c += kThreads * V)
      if (c < width) body(pack, c);
  } else {
    for (; c < width; c += kThreads * V) body(0, c);
  }
}

/// The row of this thread; there may be fewer.
__device__ std::int64_t thread_row() {
  return static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
}

template <class T>
struct Forward {
  const T* x;
  const float *gamma, *beta;
  T* y;
  float *mean, *rstd;
  std::int64_t rows, width;
  float eps;
};

/// Two passes for the moments: no cancellation, unlike E[x^2] - E[x]^2.
template <class T, int V, int kThreads, int kKept>
__global__ void __launch_bounds__(kThreads == kWarp ? kWarp * kWarpRows : kThreads)
    layer_norm(Forward<T> op) {
  constexpr int kPacks = kKept > 0 ? kKept / V : 1;
  const std::int64_t row = thread_row();
  if (row >= op.rows) return;  // a whole warp, or a whole block
  const T* const x = op.x + row * op.width;
  T* const y = op.y + row * op.width;
  const float n = static_cast<float>(op.width);
  float kept[kPacks][V];
  float sum[1] = {};
  for_each_pack<V, kThreads, kKept>(op.width, [&](int pack, std::int64_t c) {
    load(x + c, kept[pack]);
#pragma unroll
    for (int v = 0; v < V; ++v) sum[0] += kept[pack][v];
  });
  row_sums<kThreads>(sum);
  const float mean = sum[0] / n;
  sum[0] = 0;
  for_each_pack<V, kThreads, kKept>(op.width, [&](int pack, std::int64_t c) {
    if constexpr (kKept == 0) load(x + c, kept[pack]);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const float deviation = kept[pack][v] - mean;
      sum[0] += deviation * deviation;
    }
  });
  row_sums<kThreads>(sum);
  const float rstd = 1 / sqrtf(sum[0] / n + op.eps);
  if (threadIdx.x == 0) {
    op.mean[row] = mean;
    op.rstd[row] = rstd;
  }
  for_each_pack<V, kThreads, kKept>(op.width, [&](int pack, std::int64_t c) {
    float gamma[V], beta[V];
    load(op.gamma + c, gamma);
    load(op.beta + c, beta);
    if constexpr (kKept == 0) load(x + c, kept[pack]);
#pragma unroll
    for (int v = 0; v < V; ++v) kept[pack][v] = (kept[pack][v] - mean) * rstd * gamma[v] + beta[v];
    store(y + c, kept[pack]);
  });
}

template <class T>
struct Backward {
  const T *dy, *x;
  const float *gamma, *mean, *rstd;
  T* dx;
  std::int64_t rows, width;
};

/// g = gamma dy and n = (x - mean) rstd of V columns.
template <int V, class T>
__device__ void load_terms(const Backward<T>& op, std::int64_t at, std::int64_t c, float mean,
                           float rstd, float (&g)[V], float (&n)[V]) {
  float gamma[V];
  load(op.gamma + c, gamma);
  load(op.dy + at, g);
  load(op.x + at, n);
#pragma unroll
  for (int v = 0; v < V; ++v) {
    g[v] *= gamma[v];
    n[v] = (n[v] - mean) * rstd;
  }
}

template <class T, int V, int kThreads, int kKept>
__global__ void __launch_bounds__(kThreads == kWarp ? kWarp * kWarpRows : kThreads)
    layer_norm_grad(Backward<T> op) {
  constexpr int kPacks = kKept > 0 ? kKept / V : 1;
  const std::int64_t row = thread_row();
  if (row >= op.rows) return;  // a whole warp, or a whole block
  const std::int64_t start = row * op.width;
  const float mean = op.mean[row], rstd = op.rstd[row];
  float g[kPacks][V], n[kPacks][V];
  float sums[2] = {};
  for_each_pack<V, kThreads, kKept>(op.width, [&](int pack, std::int64_t c) {
    load_terms(op, start + c, c, mean, rstd, g[pack], n[pack]);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      sums[0] += g[pack][v];
      sums[1] += g[pack][v] * n[pack][v];
    }
  });
  row_sums<kThreads>(sums);
  const float mean_g = sums[0] / static_cast<float>(op.width);
  const float mean_gn = sums[1] / static_cast<float>(op.width);
  for_each_pack<V, kThreads, kKept>(op.width, [&](int pack, std::int64_t c) {
    if constexpr (kKept == 0) load_terms(op, start + c, c, mean, rstd, g[pack], n[pack]);
#pragma unroll
    for (int v = 0; v < V; ++v) g[pack][v] = rstd * (g[pack][v] - mean_g - n[pack][v] * mean_gn);
    store(op.dx + start + c, g[pack]);
  });
}

/// dy n and dy, whose column sums are dgamma and dbeta.
template <class T>
struct ParameterTerms {
  const T *dy, *x;
  const float *mean, *rstd;
  std::int64_t width;

  template <int V>
  __device__ void operator()(std::int64_t r, std::int64_t c, float (&out)[2][V]) const {
    const float center = mean[r], factor = rstd[r];
    load(dy + r * width + c, out[1]);
    load(x + r * width + c, out[0]);
#pragma unroll
    for (int v = 0; v < V; ++v) out[0][v] = out[1][v] * ((out[0][v] - center) * factor);
  }
};

/// The least kKept of those that kernels are made for that holds rows of `width`; 0: none.
template <class Body>
void with_kept(std::int64_t width, std::int64_t threads, bool vectors, const Body& body) {
  using std::integral_constant;
  if (width > threads * kMostKept) return body(integral_constant<int, 0>{});
  if (!vectors || width > threads * 24) return body(integral_constant<int, kMostKept>{});
  if (width > threads * 16) return body(integral_constant<int, 24>{});
  if (width > threads * 8) return body(integral_constant<int, 16>{});
  body(integral_constant<int, 8>{});
}

/// Calls body(V, kThreads, kKept), integral constants, with what suits rows of this width.
template <class T, class Body>
void with_row_kernel(std::int64_t width, bool vectors, const Body& body) {
  using std::integral_constant;
  const auto choose = [&](auto lanes) {
    constexpr int kVector = decltype(lanes)::value;
    const auto with_threads = [&](auto threads) {
      with_kept(width, decltype(threads)::value, vectors, [&](auto kept) {
        constexpr int kThreads = decltype(threads)::value, kKept = decltype(kept)::value;
        constexpr bool is_scalar_part = kVector == 1 && kKept > 0 && kKept < kMostKept;
        constexpr bool is_wide_part = kThreads == kWarp && kKept == 0;
        if constexpr (!is_scalar_part && !is_wide_part) body(lanes, threads, kept);
      });
    };
    if (width <= kWarp * kMostKept) return with_threads(integral_constant<int, kWarp>{});
    with_threads(integral_constant<int, kBlock>{});
  };
  if (vectors) return choose(integral_constant<int, kLanes<T>>{});
  choose(integral_constant<int, 1>{});
}

template <int kThreads>
LaunchConfig row_launch(Context& ctx, const char* name, std::int64_t rows) {
  constexpr unsigned kRows = kThreads == kWarp ? kWarpRows : 1;
  return {.grid = static_cast<unsigned>((rows + kRows - 1) / kRows),
          .block = dim3(kThreads, kRows),
          .stream = stream_of(ctx),
          .name = name};
}

}  // namespace

void LayerNorm::cuda(Context& ctx) const {
  const std::int64_t rows = x->shape().rows(), width = x->shape().last();
  if (rows == 0) return;
  dispatch_cuda_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Forward<T> op{.x = elements<T>(*x),
                        .gamma = elements<float>(*gamma),
                        .beta = elements<float>(*beta),
                        .y = elements<T>(*y),
                        .mean = elements<float>(*mean),
                        .rstd = elements<float>(*rstd),
                        .rows = rows,
                        .width = width,
                        .eps = static_cast<float>(eps)};
    const bool vectors = vectorizable<T>(width, op.x, op.gamma, op.beta, op.y);
    with_row_kernel<T>(width, vectors, [&](auto lanes, auto threads, auto kept) {
      constexpr int V = decltype(lanes)::value, kThreads = decltype(threads)::value;
      launch(row_launch<kThreads>(ctx, name, rows),
             layer_norm<T, V, kThreads, decltype(kept)::value>, op);
    });
  });
}

void LayerNormGrad::cuda(Context& ctx) const {
  const std::int64_t rows = x->shape().rows(), width = x->shape().last();
  if (rows == 0) return;
  dispatch_cuda_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Backward<T> op{.dy = elements<T>(*dy),
                         .x = elements<T>(*x),
                         .gamma = elements<float>(*gamma),
                         .mean = elements<float>(*mean),
                         .rstd = elements<float>(*rstd),
                         .dx = elements<T>(*dx),
                         .rows = rows,
                         .width = width};
    const bool vectors = vectorizable<T>(width, op.dy, op.x, op.gamma, op.dx);
    // First the sums over rows: dx may overwrite dy.
    accumulate_columns(ctx, name, ParameterTerms<T>{op.dy, op.x, op.mean, op.rstd, width}, rows,
                       width, SumTargets<2>{{elements<float>(*dgamma), elements<float>(*dbeta)}},
                       vectors);
    with_row_kernel<T>(width, vectors, [&](auto lanes, auto threads, auto kept) {
      constexpr int V = decltype(lanes)::value, kThreads = decltype(threads)::value;
      launch(row_launch<kThreads>(ctx, name, rows),
             layer_norm_grad<T, V, kThreads, decltype(kept)::value>, op);
    });
  });
}

}  // namespace orchid::ops
