#include "kernels/cuda/device/column_sums.cuh"
#include "kernels/cuda/device/reduce.cuh"
#include "kernels/ops/implicit_filter.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

constexpr int kBlock = 256;

// --- Sine ----------------------------------------------------------------------------------------

template <class T>
__global__ void __launch_bounds__(kBlock) sine(const T* x, const float* frequency, T* y,
                                               std::int64_t n, std::int64_t width, float scale) {
  const std::int64_t i = grid_thread();
  if (i < n) y[i] = from_float<T>(sinf(scale * frequency[i % width] * to_float(x[i])));
}

/// Writes dx where its terms of dfrequency are asked for: once for each element.
template <class T>
struct SineTerms {
  const T* dy;
  const T* x;
  const float* frequency;
  T* dx;
  std::int64_t width;
  float scale;

  template <int V>
  __device__ void operator()(std::int64_t r, std::int64_t c, float (&out)[1][V]) const {
    float upper[V], in[V], w[V], lower[V];
    load(dy + r * width + c, upper);
    load(x + r * width + c, in);
    load(frequency + c, w);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const float d = cosf(scale * w[v] * in[v]) * upper[v];
      lower[v] = scale * w[v] * d;
      out[0][v] = scale * in[v] * d;
    }
    store(dx + r * width + c, lower);
  }
};

// --- Window --------------------------------------------------------------------------------------

/// Channel c = d * filters + o of row l of e is k[o, l, d]. One block a row.
struct Window {
  const float* t;
  const float* delta;
  std::int64_t rows, width, filters;
  float shift;
  bool window, normalized;

  __device__ std::int64_t channels() const { return width * filters; }
  __device__ float factor(std::int64_t l, std::int64_t c) const {
    return window ? expf(-t[l] * fabsf(delta[c])) + shift : 1.0f;
  }
  __device__ std::int64_t place(std::int64_t l, std::int64_t c) const {
    return (c % filters * rows + l) * width + c / filters;
  }
};

template <class T>
__global__ void __launch_bounds__(kBlock) apply_window(Window s, const T* e, T* k) {
  const std::int64_t l = blockIdx.x, first = l * s.channels();
  float norm[1] = {1.0f};
  if (s.normalized) {
    norm[0] = 0;
    for (std::int64_t c = threadIdx.x; c < s.channels(); c += kBlock)
      norm[0] += fabsf(to_float(e[first + c]) * s.factor(l, c));
    block_sum<kBlock>(norm);
  }
  for (std::int64_t c = threadIdx.x; c < s.channels(); c += kBlock)
    k[s.place(l, c)] = from_float<T>(to_float(e[first + c]) * s.factor(l, c) / norm[0]);
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    window_gradient(Window s, const T* dk, const T* e, T* de) {
  const std::int64_t l = blockIdx.x, first = l * s.channels();
  float sums[2] = {};  // of |v|, and of dk v, with v the windowed e
  if (s.normalized) {
    for (std::int64_t c = threadIdx.x; c < s.channels(); c += kBlock) {
      const float v = to_float(e[first + c]) * s.factor(l, c);
      sums[0] += fabsf(v);
      sums[1] += to_float(dk[s.place(l, c)]) * v;
    }
    block_sum<kBlock>(sums);
  }
  for (std::int64_t c = threadIdx.x; c < s.channels(); c += kBlock) {
    const float f = s.factor(l, c);
    float dv = to_float(dk[s.place(l, c)]);
    if (s.normalized) {
      const float x = to_float(e[first + c]);
      const float v = x * f, sign = v > 0 ? 1.0f : v < 0 ? -1.0f : 0.0f;
      dv = (dv - sign * sums[1] / sums[0]) / sums[0];
    }
    de[first + c] = from_float<T>(dv * f);
  }
}

template <class Op>
Window window_of(const Op& op, const Shape& split) {
  return {elements<float>(*op.t),
          elements<float>(*op.delta),
          split[1],
          split[2],
          split[0],
          static_cast<float>(op.shift),
          op.window,
          op.normalized};
}

}  // namespace

void Sine::cuda(Context& ctx) const {
  const std::int64_t n = x->count();
  dispatch_cuda_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch({.grid = blocks_for(n, kBlock), .block = kBlock, .stream = stream_of(ctx), .name = name},
           sine<T>, elements<T>(*x), elements<float>(*frequency), elements<T>(*y), n, x->shape()[1],
           static_cast<float>(scale));
  });
}

void SineGrad::cuda(Context& ctx) const {
  const std::int64_t rows = x->shape()[0], width = x->shape()[1];
  dispatch_cuda_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const SineTerms<T> terms{elements<T>(*dy), elements<T>(*x), elements<float>(*frequency),
                             elements<T>(*dx), width,           static_cast<float>(scale)};
    const bool vectors = vectorizable<float>(width, terms.dy, terms.x, terms.frequency, terms.dx);
    accumulate_columns<1>(ctx, name, terms, rows, width, {{elements<float>(*dfrequency)}}, vectors);
  });
}

void DecayWindow::cuda(Context& ctx) const {
  if (e->count() == 0) return;
  dispatch_cuda_float(e->dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch({.grid = static_cast<unsigned>(e->shape()[0]),
            .block = kBlock,
            .stream = stream_of(ctx),
            .name = name},
           apply_window<T>, window_of(*this, k->shape()), elements<T>(*e), elements<T>(*k));
  });
}

void DecayWindowGrad::cuda(Context& ctx) const {
  if (e->count() == 0) return;
  dispatch_cuda_float(e->dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch({.grid = static_cast<unsigned>(e->shape()[0]),
            .block = kBlock,
            .stream = stream_of(ctx),
            .name = name},
           window_gradient<T>, window_of(*this, dk->shape()), elements<T>(*dk), elements<T>(*e),
           elements<T>(*de));
  });
}

}  // namespace orchid::ops
