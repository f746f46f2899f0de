#include "kernels/cuda/device/matrix_columns.cuh"
#include "kernels/ops/norm.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

constexpr int kBlock = 256;

/// (x - mean)^2, whose column sums give the variance.
template <class T>
struct SquaredDeviations {
  const T* x;
  const float* mean;
  std::int64_t width;

  template <int V>
  __device__ void operator()(std::int64_t r, std::int64_t c, float (&out)[1][V]) const {
    float center[V];
    load(mean + c, center);
    load(x + r * width + c, out[0]);
#pragma unroll
    for (int v = 0; v < V; ++v) out[0][v] = (out[0][v] - center[v]) * (out[0][v] - center[v]);
  }
};

/// dy n and dy, n = (x - mean) rstd.
template <class T>
struct GradTerms {
  const T *dy, *x;
  const float *mean, *rstd;
  std::int64_t width;

  template <int V>
  __device__ void operator()(std::int64_t r, std::int64_t c, float (&out)[2][V]) const {
    float center[V], factor[V];
    load(mean + c, center);
    load(rstd + c, factor);
    load(dy + r * width + c, out[1]);
    load(x + r * width + c, out[0]);
#pragma unroll
    for (int v = 0; v < V; ++v) out[0][v] = out[1][v] * ((out[0][v] - center[v]) * factor[v]);
  }
};

__global__ void __launch_bounds__(kBlock)
    divide(const float* sum, std::int64_t width, float rows, float* mean) {
  const std::int64_t c = grid_thread();
  if (c < width) mean[c] = sum[c] / rows;
}

struct Statistics {
  float *mean, *rstd, *running_mean, *running_var;
  float eps, momentum;
};

/// rstd of the batch; the running statistics move towards it.
__global__ void __launch_bounds__(kBlock)
    update_statistics(const float* squares, std::int64_t width, float rows, Statistics s) {
  const std::int64_t c = grid_thread();
  if (c >= width) return;
  s.rstd[c] = 1 / sqrtf(squares[c] / rows + s.eps);
  s.running_mean[c] += s.momentum * (s.mean[c] - s.running_mean[c]);
  s.running_var[c] += s.momentum * (squares[c] / (rows - 1) - s.running_var[c]);
}

__global__ void __launch_bounds__(kBlock) take_running(std::int64_t width, Statistics s) {
  const std::int64_t c = grid_thread();
  if (c >= width) return;
  s.mean[c] = s.running_mean[c];
  s.rstd[c] = 1 / sqrtf(s.running_var[c] + s.eps);
}

template <class T>
struct Normalization {
  const T* x;
  const float *gamma, *beta, *mean, *rstd;
  T* y;
  std::int64_t rows, width;
};

template <class T, int V>
__global__ void __launch_bounds__(kBlock) normalize(Normalization<T> op) {
  const std::int64_t n = op.rows * op.width;
  for (std::int64_t i = grid_thread() * V; i < n; i += grid_threads() * V) {
    const std::int64_t c = i % op.width;
    float values[V], gamma[V], beta[V], mean[V], rstd[V];
    load(op.gamma + c, gamma);
    load(op.beta + c, beta);
    load(op.mean + c, mean);
    load(op.rstd + c, rstd);
    load(op.x + i, values);
#pragma unroll
    for (int v = 0; v < V; ++v) values[v] = (values[v] - mean[v]) * rstd[v] * gamma[v] + beta[v];
    store(op.y + i, values);
  }
}

template <class T>
struct Gradient {
  const T *dy, *x;
  const float *gamma, *mean, *rstd;
  const float *sum_dn, *sum_d;  ///< over the rows: of dy n, of dy
  T* dx;
  std::int64_t rows, width;
  float share;  ///< 1 / rows; 0 where the statistics are constants
};

/// dx = gamma rstd (dy - mean(dy) - n mean(dy n)).
template <class T, int V>
__global__ void __launch_bounds__(kBlock) normalize_grad(Gradient<T> op) {
  const std::int64_t n = op.rows * op.width;
  for (std::int64_t i = grid_thread() * V; i < n; i += grid_threads() * V) {
    const std::int64_t c = i % op.width;
    float d[V], x[V], gamma[V], mean[V], rstd[V], sum_dn[V], sum_d[V];
    load(op.gamma + c, gamma);
    load(op.mean + c, mean);
    load(op.rstd + c, rstd);
    load(op.sum_dn + c, sum_dn);
    load(op.sum_d + c, sum_d);
    load(op.dy + i, d);
    load(op.x + i, x);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const float normal = (x[v] - mean[v]) * rstd[v];
      d[v] = gamma[v] * rstd[v] * (d[v] - op.share * (sum_d[v] + normal * sum_dn[v]));
    }
    store(op.dx + i, d);
  }
}

__global__ void __launch_bounds__(kBlock)
    add_sums(const float* sum_dn, const float* sum_d, std::int64_t width, float* dgamma,
             float* dbeta) {
  const std::int64_t c = grid_thread();
  if (c >= width) return;
  dgamma[c] += sum_dn[c];
  dbeta[c] += sum_d[c];
}

/// A launch of one thread per `per_thread` of n elements.
LaunchConfig over(Context& ctx, const char* name, std::int64_t n, int per_thread = 1) {
  return {.grid = blocks_for(n, kBlock, per_thread),
          .block = kBlock,
          .stream = stream_of(ctx),
          .name = name};
}

template <class T>
void measure(Context& ctx, const BatchNorm& op, const Statistics& s) {
  const std::int64_t rows = op.x->shape().rows(), width = op.x->shape().last();
  const T* const x = elements<T>(*op.x);
  const bool vectors = vectorizable<T>(width, x, s.mean);
  const float count = static_cast<float>(rows);
  Tensor sums = ctx.zeros({2, width}, DType::f32);
  float* const sum = elements<float>(sums);
  accumulate_columns(ctx, op.name, MatrixColumns<T>{x, width}, rows, width, SumTargets<1>{{sum}},
                     vectors);
  launch(over(ctx, op.name, width), divide, sum, width, count, s.mean);
  accumulate_columns(ctx, op.name, SquaredDeviations<T>{x, s.mean, width}, rows, width,
                     SumTargets<1>{{sum + width}}, vectors);
  launch(over(ctx, op.name, width), update_statistics, sum + width, width, count, s);
}

}  // namespace

void BatchNorm::cuda(Context& ctx) const {
  const std::int64_t width = x->shape().last();
  const Statistics statistics{.mean = elements<float>(*mean),
                              .rstd = elements<float>(*rstd),
                              .running_mean = elements<float>(*running_mean),
                              .running_var = elements<float>(*running_var),
                              .eps = static_cast<float>(eps),
                              .momentum = static_cast<float>(momentum)};
  dispatch_cuda_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    if (training) {
      measure<T>(ctx, *this, statistics);
    } else {
      launch(over(ctx, name, width), take_running, width, statistics);
    }
    const Normalization<T> op{.x = elements<T>(*x),
                              .gamma = elements<float>(*gamma),
                              .beta = elements<float>(*beta),
                              .mean = statistics.mean,
                              .rstd = statistics.rstd,
                              .y = elements<T>(*y),
                              .rows = x->shape().rows(),
                              .width = width};
    const bool vectors = vectorizable<T>(width, op.x, op.gamma, op.beta, op.mean, op.rstd, op.y);
    launch(over(ctx, name, x->count(), vectors ? kLanes<T> : 1),
           vectors ? normalize<T, kLanes<T>> : normalize<T, 1>, op);
  });
}

void BatchNormGrad::cuda(Context& ctx) const {
  const std::int64_t rows = x->shape().rows(), width = x->shape().last();
  dispatch_cuda_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    Tensor sums = ctx.zeros({2, width}, DType::f32);
    float *const sum_dn = elements<float>(sums), *const sum_d = sum_dn + width;
    const Gradient<T> op{.dy = elements<T>(*dy),
                         .x = elements<T>(*x),
                         .gamma = elements<float>(*gamma),
                         .mean = elements<float>(*mean),
                         .rstd = elements<float>(*rstd),
                         .sum_dn = sum_dn,
                         .sum_d = sum_d,
                         .dx = elements<T>(*dx),
                         .rows = rows,
                         .width = width,
                         .share = training ? 1 / static_cast<float>(rows) : 0};
    const bool vectors =
        vectorizable<T>(width, op.dy, op.x, op.gamma, op.mean, op.rstd, op.dx, sum_d, sum_dn);
    accumulate_columns(ctx, name, GradTerms<T>{op.dy, op.x, op.mean, op.rstd, width}, rows, width,
                       SumTargets<2>{{sum_dn, sum_d}}, vectors);
    launch(over(ctx, name, width), add_sums, sum_dn, sum_d, width, elements<float>(*dgamma),
           elements<float>(*dbeta));
    launch(over(ctx, name, x->count(), vectors ? kLanes<T> : 1),
           vectors ? normalize_grad<T, kLanes<T>> : normalize_grad<T, 1>, op);
  });
}

}  // namespace orchid::ops
