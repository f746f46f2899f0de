#include "kernels/cuda/device/elementwise.cuh"
#include "kernels/ops/spectral.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

constexpr int kBlock = 256;

/// Calls f<V>(row, column) for every pack of V columns; f reads and writes memory itself.
template <int V, class F>
__global__ void __launch_bounds__(kBlock)
    for_each_pack(F f, std::int64_t rows, std::int64_t columns) {
  const std::int64_t packs = columns / V, i = grid_thread();
  if (i < rows * packs) f.template operator()<V>(i / packs, i % packs * V);
}

/// `vectors`: V = 4 is allowed.
template <class F>
void run_packs(Context& ctx, const char* name, const F& f, std::int64_t rows, std::int64_t columns,
               bool vectors) {
  launch({.grid = blocks_for(rows * columns, kBlock, vectors ? 4 : 1),
          .block = kBlock,
          .stream = stream_of(ctx),
          .name = name},
         vectors ? for_each_pack<4, F> : for_each_pack<1, F>, f, rows, columns);
}

/// Spectra are float32, whatever the type of activations is.
const float* spectrum(const char* op, const char* operand, const Tensor& tensor) {
  check_dtype(op, operand, tensor, DType::f32);
  return elements<float>(tensor);
}
float* spectrum(const char* op, const char* operand, Tensor& tensor) {
  check_dtype(op, operand, tensor, DType::f32);
  return elements<float>(tensor);
}

// --- Power ---------------------------------------------------------------------------------------

struct Magnitude {
  __device__ float operator()(float z) const { return fabsf(z); }
};

struct SignTimes {
  __device__ float operator()(float ds, float z) const { return z > 0 ? ds : z < 0 ? -ds : 0.0f; }
};

/// Rows of D columns beside planar rows of 2D.
struct PlanarPower {
  const float* z;
  float* s;
  std::int64_t width;

  template <int V>
  __device__ void operator()(std::int64_t row, std::int64_t c) const {
    float re[V], im[V];
    load(z + 2 * row * width + c, re);
    load(z + (2 * row + 1) * width + c, im);
#pragma unroll
    for (int v = 0; v < V; ++v) re[v] = re[v] * re[v] + im[v] * im[v];
    store(s + row * width + c, re);
  }
};

struct PlanarPowerGrad {
  const float *ds, *z;
  float* dz;
  std::int64_t width;

  template <int V>
  __device__ void operator()(std::int64_t row, std::int64_t c) const {
    float d[V], part[V];
    load(ds + row * width + c, d);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const std::int64_t at = (2 * row + half) * width + c;
      load(z + at, part);
#pragma unroll
      for (int v = 0; v < V; ++v) part[v] *= 2 * d[v];
      store(dz + at, part);
    }
  }
};

// --- Products ------------------------------------------------------------------------------------

struct Times {
  __device__ float operator()(float a, float b) const { return a * b; }
};

/// y = conj(k) q of planar rows of 2D.
struct PlanarProduct {
  const float *k, *q;
  float* y;
  std::int64_t width;

  template <int V>
  __device__ void operator()(std::int64_t row, std::int64_t c) const {
    const std::int64_t re = 2 * row * width + c, im = re + width;
    float kr[V], ki[V], qr[V], qi[V], out[V];
    load(k + re, kr);
    load(k + im, ki);
    load(q + re, qr);
    load(q + im, qi);
#pragma unroll
    for (int v = 0; v < V; ++v) out[v] = kr[v] * qr[v] + ki[v] * qi[v];
    store(y + re, out);
#pragma unroll
    for (int v = 0; v < V; ++v) out[v] = kr[v] * qi[v] - ki[v] * qr[v];
    store(y + im, out);
  }
};

/// dk = conj(dy) q and dq = dy k.
struct PlanarProductGrad {
  const float *dy, *k, *q;
  float *dk, *dq;
  std::int64_t width;

  template <int V>
  __device__ void operator()(std::int64_t row, std::int64_t c) const {
    const std::int64_t re = 2 * row * width + c, im = re + width;
    float dr[V], di[V], a[V], b[V], out[V];
    load(dy + re, dr);
    load(dy + im, di);
    load(q + re, a);
    load(q + im, b);
#pragma unroll
    for (int v = 0; v < V; ++v) out[v] = dr[v] * a[v] + di[v] * b[v];
    store(dk + re, out);
#pragma unroll
    for (int v = 0; v < V; ++v) out[v] = dr[v] * b[v] - di[v] * a[v];
    store(dk + im, out);
    load(k + re, a);
    load(k + im, b);
#pragma unroll
    for (int v = 0; v < V; ++v) out[v] = dr[v] * a[v] - di[v] * b[v];
    store(dq + re, out);
#pragma unroll
    for (int v = 0; v < V; ++v) out[v] = dr[v] * b[v] + di[v] * a[v];
    store(dq + im, out);
  }
};

// --- Selection -----------------------------------------------------------------------------------

/// Where the channels of one filter lie in a row of all of them.
struct Selection {
  std::int64_t width;           ///< D
  std::int64_t re, im, stride;  ///< of the first channel's parts; between channels
  std::int64_t one, all;        ///< elements of a row of h and of z
  bool complex;

  template <class Op>
  Selection(const Op& op, const Shape& selected)
      : width(op.complex ? selected.last() / 2 : selected.last()),
        re(op.filter),
        im(width * op.filters + op.filter),
        stride(op.filters),
        one(selected.last()),
        all(selected.last() * op.filters),
        complex(op.complex) {
    if (!complex || op.layout == ComplexLayout::planar) return;
    re = 2 * op.filter;
    im = re + 1;
    stride = 2 * op.filters;
  }
  /// True if real and imaginary parts alternate and fill the row.
  bool alternating() const { return complex && stride == 2 && all == one; }
};

/// kBack: from h to z.
template <bool kBack>
struct Select {
  Selection at;
  const float* from;
  float* to;

  template <int V>
  __device__ void operator()(std::int64_t row, std::int64_t c) const {
    const std::int64_t parts[2] = {at.re, at.im};
#pragma unroll
    for (int p = 0; p < 2; ++p) {
      if (p == 1 && !at.complex) return;
      const std::int64_t h = row * at.one + p * at.width + c,
                         z = row * at.all + parts[p] + c * at.stride;
      to[kBack ? z : h] = from[kBack ? h : z];
    }
  }
};

/// The same where parts alternate, for V = 4.
template <bool kBack>
struct Interleave {
  Selection at;
  const float* from;
  float* to;

  template <int V>
  __device__ void operator()(std::int64_t row, std::int64_t c) const {
    const std::int64_t planar = row * at.one + c, pairs = row * at.one + 2 * c;
    float re[V], im[V], both[2 * V];
    if constexpr (kBack) {
      load(from + planar, re);
      load(from + planar + at.width, im);
#pragma unroll
      for (int v = 0; v < V; ++v) {
        both[2 * v] = re[v];
        both[2 * v + 1] = im[v];
      }
      store(to + pairs, both);
    } else {
      load(from + pairs, both);
#pragma unroll
      for (int v = 0; v < V; ++v) {
        re[v] = both[2 * v];
        im[v] = both[2 * v + 1];
      }
      store(to + planar, re);
      store(to + planar + at.width, im);
    }
  }
};

template <bool kBack>
void run_select(Context& ctx, const char* name, const Selection& at, const float* from, float* to,
                std::int64_t rows) {
  const bool vectors = at.alternating() && vectorizable<float>(at.width, from, to);
  const LaunchConfig config{.grid = blocks_for(rows * at.width, kBlock, vectors ? 4 : 1),
                            .block = kBlock,
                            .stream = stream_of(ctx),
                            .name = name};
  if (vectors) {
    launch(config, for_each_pack<4, Interleave<kBack>>, Interleave<kBack>{at, from, to}, rows,
           at.width);
  } else {
    launch(config, for_each_pack<1, Select<kBack>>, Select<kBack>{at, from, to}, rows, at.width);
  }
}

}  // namespace

void Power::cuda(Context& ctx) const {
  const float* from = spectrum(name, "z", *z);
  float* to = spectrum(name, "s", *s);
  if (!complex) return run_map<float>(ctx, name, from, to, s->count(), Magnitude{});
  const std::int64_t width = s->shape().last();
  run_packs(ctx, name, PlanarPower{from, to, width}, s->shape().rows(), width,
            vectorizable<float>(width, from, to));
}

void PowerGrad::cuda(Context& ctx) const {
  const float *d = spectrum(name, "ds", *ds), *of = spectrum(name, "z", *z);
  float* to = spectrum(name, "dz", *dz);
  if (!complex) return run_map<float>(ctx, name, d, of, to, ds->count(), SignTimes{});
  const std::int64_t width = ds->shape().last();
  run_packs(ctx, name, PlanarPowerGrad{d, of, to, width}, ds->shape().rows(), width,
            vectorizable<float>(width, d, of, to));
}

void ConjugateProduct::cuda(Context& ctx) const {
  const float *a = spectrum(name, "k", *k), *b = spectrum(name, "q", *q);
  float* to = spectrum(name, "y", *y);
  if (!complex) return run_map<float>(ctx, name, a, b, to, y->count(), Times{});
  const std::int64_t width = y->shape().last() / 2;
  run_packs(ctx, name, PlanarProduct{a, b, to, width}, y->shape().rows(), width,
            vectorizable<float>(width, a, b, to));
}

void ConjugateProductGrad::cuda(Context& ctx) const {
  const float *d = spectrum(name, "dy", *dy), *a = spectrum(name, "k", *k),
              *b = spectrum(name, "q", *q);
  float *to_k = spectrum(name, "dk", *dk), *to_q = spectrum(name, "dq", *dq);
  if (!complex) {
    run_map<float>(ctx, name, d, b, to_k, dy->count(), Times{});
    return run_map<float>(ctx, name, d, a, to_q, dy->count(), Times{});
  }
  const std::int64_t width = dy->shape().last() / 2;
  run_packs(ctx, name, PlanarProductGrad{d, a, b, to_k, to_q, width}, dy->shape().rows(), width,
            vectorizable<float>(width, d, a, b, to_k, to_q));
}

void SelectFilter::cuda(Context& ctx) const {
  run_select<false>(ctx, name, Selection(*this, h->shape()), spectrum(name, "z", *z),
                    spectrum(name, "h", *h), h->shape().rows());
}

void SelectFilterGrad::cuda(Context& ctx) const {
  run_select<true>(ctx, name, Selection(*this, dh->shape()), spectrum(name, "dh", *dh),
                   spectrum(name, "dz", *dz), dh->shape().rows());
}

}  // namespace orchid::ops
