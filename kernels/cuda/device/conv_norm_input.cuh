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

/// The same, as `store` does it.
template <int N, class T>
__device__ void store_pack(T* p, const float (&from)[N]) {
  if constexpr (N != 2) {
    store(p, from);
  } else if constexpr (sizeof(T) == sizeof(float)) {
    *reinterpret_cast<float2*>(p) = make_float2(from[0], from[1]);
  } else {
    *reinterpret_cast<unsigned*>(p) = pack_bf16(from[0], from[1]);
  }
}

/// Each source has `read` and `write_grad` for any row, and, for rows that somebody keeps, kParts
/// neighbouring packs of V elements of x that s is made of: `value` is s of element v of them,
/// `write_kept_grad` what write_grad does.

/// Columns of x; x and dx point at the first.
template <class T>
struct PlainRows {
  using Element = T;
  static constexpr int kParts = 1;
  const T* x;
  T* dx;
  std::int64_t x_stride, width;

  template <int V>
  __device__ void read(std::int64_t row, int c, float (&s)[V]) const {
    load_pack(x + row * x_stride + c, s);
  }
  template <int V>
  __device__ void write_grad(std::int64_t row, int c, const float (&ds)[V]) const {
    store_pack(dx + row * width + c, ds);
  }
  template <int V>
  static __device__ float value(const float (&z)[V], int v) {
    return z[v];
  }
  template <int V>
  __device__ void write_kept_grad(std::int64_t row, int c, const float (&)[V],
                                  const float (&ds)[V]) const {
    write_grad(row, c, ds);
  }
};

/// |z|^2, planar.
struct ComplexPowerRows {
  using Element = float;
  static constexpr int kParts = 2;
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
    const float* const at = x + row * x_stride + c;
    float part[V], z[2 * V];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      load_pack(at + half * width, part);
#pragma unroll
      for (int v = 0; v < V; ++v) z[half * V + v] = part[v];
    }
    write_kept_grad(row, c, z, ds);
  }
  template <int N>
  static __device__ float value(const float (&z)[N], int v) {
    return z[v] * z[v] + z[N / 2 + v] * z[N / 2 + v];
  }
  template <int V>
  __device__ void write_kept_grad(std::int64_t row, int c, const float (&z)[2 * V],
                                  const float (&ds)[V]) const {
    float part[V];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int v = 0; v < V; ++v) part[v] = z[half * V + v] * (2 * ds[v]);
      store_pack(dx + row * x_stride + half * width + c, part);
    }
  }
};

/// |z| of a real spectrum.
struct RealPowerRows {
  using Element = float;
  static constexpr int kParts = 1;
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
    load_pack(x + row * x_stride + c, z);
    write_kept_grad(row, c, z, ds);
  }
  template <int V>
  static __device__ float value(const float (&z)[V], int v) {
    return fabsf(z[v]);
  }
  template <int V>
  __device__ void write_kept_grad(std::int64_t row, int c, const float (&z)[V],
                                  const float (&ds)[V]) const {
    float part[V];
#pragma unroll
    for (int v = 0; v < V; ++v) part[v] = z[v] > 0 ? ds[v] : z[v] < 0 ? -ds[v] : 0.0f;
    store_pack(dx + row * width + c, part);
  }
};

}  // namespace orchid::cuda
