#pragma once

#include "kernels/cuda/device/vector.cuh"

/// What the convolution of ConvNorm reads: s of any row, and where the gradient of s goes.
namespace orchid::cuda {

/// N neighbouring elements: pairs, too, of float32 and bf16 at addresses that allow them.
template <int N, class T>
__device__ void load_pack(const T* p, float (&to)[N]) {
  if constexpr (N != 2) {
    load(p, to);
  } else if constexpr (sizeof(T) == sizeof(float)) {
    const float2 pair = *reinterpret_cast<const float2*>(p);
    to[0] = pair.x;
    to[1] = pair.y;
  } else {
    unpack_bf16(*reinterpret_cast<const unsigned*>(p), to[0], to[1]);
  }
}

/// Columns of x; x and dx point at the first.
template <class T>
struct PlainRows {
  using Element = T;
  const T* x;
  T* dx;
  std::int64_t x_stride, width;

  template <int V>
  __device__ void read(std::int64_t row, int c, float (&s)[V]) const {
    load_pack(x + row * x_stride + c, s);
  }
  template <int V>
  __device__ void write_grad(std::int64_t row, int c, const float (&ds)[V]) const {
    store(dx + row * width + c, ds);
  }
};

/// |z|^2, planar.
struct ComplexPowerRows {
  using Element = float;
  const float* x;
  float* dx;
  std::int64_t x_stride, width;

  template <int V>
  __device__ void read(std::int64_t row, int c, float (&s)[V]) const {
    const float* const z = x + row * x_stride + c;
    float im[V];
    load_pack(z, s);
    load_pack(z + width, im);
#pragma unroll
    for (int v = 0; v < V; ++v) s[v] = s[v] * s[v] + im[v] * im[v];
  }
  template <int V>
  __device__ void write_grad(std::int64_t row, int c, const float (&ds)[V]) const {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const std::int64_t at = row * x_stride + half * width + c;
      float part[V];
      load(x + at, part);
#pragma unroll
      for (int v = 0; v < V; ++v) part[v] *= 2 * ds[v];
      store(dx + at, part);
    }
  }
};

/// |z| of a real spectrum.
struct RealPowerRows {
  using Element = float;
  const float* x;
  float* dx;
  std::int64_t x_stride, width;

  template <int V>
  __device__ void read(std::int64_t row, int c, float (&s)[V]) const {
    load_pack(x + row * x_stride + c, s);
#pragma unroll
    for (int v = 0; v < V; ++v) s[v] = fabsf(s[v]);
  }
  template <int V>
  __device__ void write_grad(std::int64_t row, int c, const float (&ds)[V]) const {
    float z[V];
    load(x + row * x_stride + c, z);
#pragma unroll
    for (int v = 0; v < V; ++v) z[v] = z[v] > 0 ? ds[v] : z[v] < 0 ? -ds[v] : 0.0f;
    store(dx + row * width + c, z);
  }
};

}  // namespace orchid::cuda
