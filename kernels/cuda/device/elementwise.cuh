#pragma once

#include "kernels/cuda/device/vector.cuh"

namespace orchid::cuda {

/// One thread a pack of V elements: y = f(a) over n elements, n a multiple of V; y may be a.
template <class T, int V, class F>
__global__ void __launch_bounds__(256) map_elements(const T* a, T* y, std::int64_t n, F f) {
  for (std::int64_t i = grid_thread() * V; i < n; i += grid_threads() * V) {
    float values[V];
    load(a + i, values);
#pragma unroll
    for (int v = 0; v < V; ++v) values[v] = f(values[v]);
    store(y + i, values);
  }
}

/// The same of two operands: y = f(a, b); y may be either.
template <class T, int V, class F>
__global__ void __launch_bounds__(256)
    map_elements(const T* a, const T* b, T* y, std::int64_t n, F f) {
  for (std::int64_t i = grid_thread() * V; i < n; i += grid_threads() * V) {
    float left[V], right[V];
    load(a + i, left);
    load(b + i, right);
#pragma unroll
    for (int v = 0; v < V; ++v) left[v] = f(left[v], right[v]);
    store(y + i, left);
  }
}

template <class T, class F>
void run_map(Context& ctx, const char* name, const T* a, T* y, std::int64_t n, const F& f) {
  void (*kernel)(const T*, T*, std::int64_t, F) = map_elements<T, 1, F>;
  const bool vectors = vectorizable<T>(n, a, y);
  if (vectors) kernel = map_elements<T, kLanes<T>, F>;
  launch({.grid = blocks_for(n, 256, vectors ? kLanes<T> : 1),
          .block = 256,
          .stream = stream_of(ctx),
          .name = name},
         kernel, a, y, n, f);
}

template <class T, class F>
void run_map(Context& ctx, const char* name, const T* a, const T* b, T* y, std::int64_t n,
             const F& f) {
  void (*kernel)(const T*, const T*, T*, std::int64_t, F) = map_elements<T, 1, F>;
  const bool vectors = vectorizable<T>(n, a, b, y);
  if (vectors) kernel = map_elements<T, kLanes<T>, F>;
  launch({.grid = blocks_for(n, 256, vectors ? kLanes<T> : 1),
          .block = 256,
          .stream = stream_of(ctx),
          .name = name},
         kernel, a, b, y, n, f);
}

}  // namespace orchid::cuda
