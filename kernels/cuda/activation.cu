#include "kernels/cuda/device/activation_functions.cuh"
#include "kernels/cuda/device/elementwise.cuh"
#include "kernels/ops/activation.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

constexpr int kBlock = 256;

/// One thread a pack of V gated elements; `width` = I, a multiple of V.
template <class T, int V>
__global__ void __launch_bounds__(kBlock)
    gate(const T* x, T* y, std::int64_t rows, std::int64_t width) {
  const std::int64_t packs = width / V;
  for (std::int64_t i = grid_thread(); i < rows * packs; i += grid_threads()) {
    const std::int64_t row = i / packs, c = i % packs * V;
    const T* const inner = x + 2 * row * width + c;
    float values[V], gates[V];
    load(inner, values);
    load(inner + width, gates);
#pragma unroll
    for (int v = 0; v < V; ++v) values[v] = Gelu{}.value(values[v]) * gates[v];
    store(y + row * width + c, values);
  }
}

template <class T, int V>
__global__ void __launch_bounds__(kBlock)
    gate_grad(const T* dy, const T* x, T* dx, std::int64_t rows, std::int64_t width) {
  const std::int64_t packs = width / V;
  for (std::int64_t i = grid_thread(); i < rows * packs; i += grid_threads()) {
    const std::int64_t row = i / packs, c = i % packs * V, at = 2 * row * width + c;
    float d[V], inner[V], gates[V];
    load(dy + row * width + c, d);
    load(x + at, inner);
    load(x + at + width, gates);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      const float value = Gelu{}.value(inner[v]), slope = Gelu{}.slope(inner[v]);
      inner[v] = slope * gates[v] * d[v];
      gates[v] = value * d[v];
    }
    store(dx + at, inner);
    store(dx + at + width, gates);
  }
}

}  // namespace

void Activation::cuda(Context& ctx) const {
  dispatch_cuda_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    with_function(kind, parameter, [&](auto f) {
      run_map(ctx, name, elements<T>(*x), elements<T>(*y), x->count(), ValueOf<decltype(f)>{f});
    });
  });
}

void ActivationGrad::cuda(Context& ctx) const {
  dispatch_cuda_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    with_function(kind, parameter, [&](auto f) {
      run_map(ctx, name, elements<T>(*dy), elements<T>(*x), elements<T>(*dx), x->count(),
              SlopeTimes<decltype(f)>{f});
    });
  });
}

void GatedGelu::cuda(Context& ctx) const {
  dispatch_cuda_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t rows = y->shape().rows(), width = y->shape().last();
    const T* const in = elements<T>(*x);
    T* const out = elements<T>(*y);
    const bool vectors = vectorizable<T>(width, in, out);
    launch({.grid = blocks_for(y->count(), kBlock, vectors ? kLanes<T> : 1),
            .block = kBlock,
            .stream = stream_of(ctx),
            .name = name},
           vectors ? gate<T, kLanes<T>> : gate<T, 1>, in, out, rows, width);
  });
}

void GatedGeluGrad::cuda(Context& ctx) const {
  dispatch_cuda_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t rows = dy->shape().rows(), width = dy->shape().last();
    const T *const upper = elements<T>(*dy), *const in = elements<T>(*x);
    T* const lower = elements<T>(*dx);
    const bool vectors = vectorizable<T>(width, upper, in, lower);
    launch({.grid = blocks_for(dy->count(), kBlock, vectors ? kLanes<T> : 1),
            .block = kBlock,
            .stream = stream_of(ctx),
            .name = name},
           vectors ? gate_grad<T, kLanes<T>> : gate_grad<T, 1>, upper, in, lower, rows, width);
  });
}

}  // namespace orchid::ops
