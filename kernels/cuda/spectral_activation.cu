#include "kernels/cuda/device/activation_functions.cuh"
#include "kernels/cuda/device/elementwise.cuh"
#include "kernels/ops/activation.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

constexpr int kBlock = 256;

/// Below this magnitude y = f(|z|) z / kLeast, so that it is smooth at 0.
constexpr float kLeast = 1e-6f;

/// m where it is at least kLeast, or NaN.
inline __device__ float bounded(float m) {
  return m < kLeast ? kLeast : m;
}

/// y = f(m) z / max(m, kLeast), m = |z|, of real numbers.
template <class Function>
struct RealMagnitude {
  Function f;
  __device__ float operator()(float z) const {
    const float m = fabsf(z);
    return f.value(m) * (z / bounded(m));
  }
};

template <class Function>
struct RealMagnitudeGrad {
  Function f;
  __device__ float operator()(float dy, float z) const {
    const float m = fabsf(z), slope = f.slope(m);
    return dy * (m > kLeast ? slope : (f.value(m) + m * slope) / kLeast);
  }
};

/// The same of one complex number, in place of its parts.
template <class Function>
inline __device__ void scale_magnitude(const Function& f, float& re, float& im) {
  const float m = sqrtf(re * re + im * im);
  const float factor = f.value(m) / bounded(m);
  re *= factor;
  im *= factor;
}

/// Turns dy into dz. With s(m) = f(m) / max(m, kLeast):  dz = s dy + s'(m) Re(conj(dy) z) z / m.
template <class Function>
inline __device__ void scale_magnitude_grad(const Function& f, float re, float im, float& d_re,
                                            float& d_im) {
  const float m = sqrtf(re * re + im * im), least = bounded(m);
  const float value = f.value(m) / least;
  const float slope = (f.slope(m) - (m > kLeast ? value : 0)) / least;
  // z / m -> 0 / tiny = 0 at the origin, where |z| has no derivative.
  const float along = slope * (d_re * re + d_im * im) / (m < 1e-30f ? 1e-30f : m);
  d_re = value * d_re + along * re;
  d_im = value * d_im + along * im;
}

/// One thread a pack of V complex numbers of planar rows (width re, width im).
template <int V, class Function>
__global__ void __launch_bounds__(kBlock)
    complex_magnitude(const float* z, float* y, std::int64_t rows, std::int64_t width, Function f) {
  const std::int64_t packs = width / V;
  for (std::int64_t i = grid_thread(); i < rows * packs; i += grid_threads()) {
    const std::int64_t at = 2 * (i / packs) * width + i % packs * V;
    float re[V], im[V];
    load(z + at, re);
    load(z + at + width, im);
#pragma unroll
    for (int v = 0; v < V; ++v) scale_magnitude(f, re[v], im[v]);
    store(y + at, re);
    store(y + at + width, im);
  }
}

template <int V, class Function>
__global__ void __launch_bounds__(kBlock)
    complex_magnitude_grad(const float* dy, const float* z, float* dz, std::int64_t rows,
                           std::int64_t width, Function f) {
  const std::int64_t packs = width / V;
  for (std::int64_t i = grid_thread(); i < rows * packs; i += grid_threads()) {
    const std::int64_t at = 2 * (i / packs) * width + i % packs * V;
    float re[V], im[V], d_re[V], d_im[V];
    load(z + at, re);
    load(z + at + width, im);
    load(dy + at, d_re);
    load(dy + at + width, d_im);
#pragma unroll
    for (int v = 0; v < V; ++v) scale_magnitude_grad(f, re[v], im[v], d_re[v], d_im[v]);
    store(dz + at, d_re);
    store(dz + at + width, d_im);
  }
}

}  // namespace

void SpectralActivation::cuda(Context& ctx) const {
  check_dtype(name, "z", *z, DType::f32);
  const float* const in = elements<float>(*z);
  float* const out = elements<float>(*y);
  with_function(kind, parameter, [&](auto f) {
    using F = decltype(f);
    if (!magnitude) return run_map(ctx, name, in, out, z->count(), ValueOf<F>{f});
    if (!complex) return run_map(ctx, name, in, out, z->count(), RealMagnitude<F>{f});
    const std::int64_t rows = z->shape().rows(), width = z->shape().last() / 2;
    const bool vectors = vectorizable<float>(width, in, out);
    launch({.grid = blocks_for(rows * width, kBlock, vectors ? kLanes<float> : 1),
            .block = kBlock,
            .stream = stream_of(ctx),
            .name = name},
           vectors ? complex_magnitude<kLanes<float>, F> : complex_magnitude<1, F>, in, out, rows,
           width, f);
  });
}

void SpectralActivationGrad::cuda(Context& ctx) const {
  check_dtype(name, "z", *z, DType::f32);
  const float *const upper = elements<float>(*dy), *const in = elements<float>(*z);
  float* const lower = elements<float>(*dz);
  with_function(kind, parameter, [&](auto f) {
    using F = decltype(f);
    if (!magnitude) return run_map(ctx, name, upper, in, lower, z->count(), SlopeTimes<F>{f});
    if (!complex) return run_map(ctx, name, upper, in, lower, z->count(), RealMagnitudeGrad<F>{f});
    const std::int64_t rows = z->shape().rows(), width = z->shape().last() / 2;
    const bool vectors = vectorizable<float>(width, upper, in, lower);
    launch({.grid = blocks_for(rows * width, kBlock, vectors ? kLanes<float> : 1),
            .block = kBlock,
            .stream = stream_of(ctx),
            .name = name},
           vectors ? complex_magnitude_grad<kLanes<float>, F> : complex_magnitude_grad<1, F>, upper,
           in, lower, rows, width, f);
  });
}

}  // namespace orchid::ops
