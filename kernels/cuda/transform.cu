#include "kernels/cuda/device/bins.cuh"
#include "kernels/cuda/device/signal_rows.cuh"
#include "kernels/cuda/runtime/cosine.h"
#include "kernels/cuda/runtime/fft.h"
#include "kernels/ops/transform_scales.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

/// Of bin 0, bin N/2 for even N and all others.
struct Scales {
  float first, rest, last;

  explicit Scales(const BinScales& s)
      : first(static_cast<float>(s.first)),
        rest(static_cast<float>(s.rest)),
        last(static_cast<float>(s.last)) {}
  __device__ float of(std::int64_t f, std::int64_t length) const {
    return f == 0 ? first : 2 * f == length ? last : rest;
  }
};

/// From bins (B, D, N/2 + 1) to a spectrum (B, F, C).
__global__ void __launch_bounds__(kTileThreads)
    scatter_bins(const float2* bins, BinShape s, TileGrid grid, Scales scales, float* spectrum) {
  ORCHID_SHARED(float, first, [kTile][kTilePitch<1>]);
  ORCHID_SHARED(float, second, [kTile][kTilePitch<1>]);
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  const TileOrigin at = grid.origin();
  const std::int64_t f = at.position + tx;
  const float2 turn = s.cosine ? s.turn(f) : float2{};
  const float scale = scales.of(f, s.length);
#pragma unroll
  for (int i = ty; i < kTile; i += kTileStep) {
    const std::int64_t d = at.channel + i;
    if (f >= s.bins() || d >= s.channels) continue;
    float2 bin = bins[(at.sample * s.channels + d) * s.bins() + f];
    if (s.cosine) {
      bin = multiplied_conj(bin, turn);
      bin.y = -bin.y;
    }
    first[tx][i] = scale * bin.x;
    second[tx][i] = scale * bin.y;
  }
  __syncthreads();
  const std::int64_t d = at.channel + tx, width = s.row_width();
  float* sample = spectrum + at.sample * s.rows() * width;
#pragma unroll
  for (int i = ty; i < kTile; i += kTileStep) {
    const std::int64_t to = at.position + i;
    if (to < s.bins() && d < s.channels)
      write_bin(s, sample, to, d, width, {first[i][tx], second[i][tx]});
  }
}

/// The other way round.
__global__ void __launch_bounds__(kTileThreads)
    gather_bins(const float* spectrum, BinShape s, TileGrid grid, Scales scales, float2* bins) {
  ORCHID_SHARED(float, first, [kTile][kTilePitch<1>]);
  ORCHID_SHARED(float, second, [kTile][kTilePitch<1>]);
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  const TileOrigin at = grid.origin();
  const std::int64_t channel = at.channel + tx, width = s.row_width();
  const float* sample = spectrum + at.sample * s.rows() * width;
#pragma unroll
  for (int i = ty; i < kTile; i += kTileStep) {
    const std::int64_t from = at.position + i;
    if (from >= s.bins() || channel >= s.channels) continue;
    const float2 bin = read_bin(s, sample, from, channel, width);
    first[i][tx] = bin.x;
    second[i][tx] = bin.y;
  }
  __syncthreads();
  const std::int64_t f = at.position + tx;
  const float2 turn = s.cosine ? s.turn(f) : float2{};
  const float scale = scales.of(f, s.length);
#pragma unroll
  for (int i = ty; i < kTile; i += kTileStep) {
    const std::int64_t d = at.channel + i;
    if (f >= s.bins() || d >= s.channels) continue;
    float2 bin{scale * first[tx][i], scale * second[tx][i]};
    if (s.cosine && s.edge(f)) {  // bin N/2 is coefficient N/2 by both of its names
      if (f != 0) bin.x *= 1.41421356f;
    } else if (s.cosine) {
      bin.y = -bin.y;
      bin = multiplied(bin, turn);
    }
    bins[(at.sample * s.channels + d) * s.bins() + f] = bin;
  }
}

template <class T, int V>
__global__ void __launch_bounds__(kTileThreads)
    scatter_signal(const float* from, SignalShape s, TileGrid grid, Columns<T> x) {
  ORCHID_SHARED(float, tile, [kTile][kTilePitch<V>]);
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  const TileOrigin at = grid.origin();
  load_tile<V>(from, s, at, tile);
  const std::int64_t d = at.channel + tx * V;
#pragma unroll
  for (int i = ty; i < kTile; i += kTileStep) {
    const std::int64_t n = at.position + i, row = n < s.length ? s.row(n) : s.rows;
    if (row >= s.rows || d >= s.channels) continue;
    float values[V];
#pragma unroll
    for (int v = 0; v < V; ++v) values[v] = tile[i][v * kTile + tx];
    store_few<V>(x.at(at.sample * s.rows + row, d), values);
  }
}

/// A signal, its spectrum, and the scratch in between for one chunk.
struct Job {
  Context& ctx;
  const char* name;
  SignalShape signal;
  BinShape bins;
  SampleChunks chunks;
  Tensor samples, transformed;

  Job(Context& context, const char* op, const Shape& shape, TransformKind kind, std::int64_t length)
      : ctx(context),
        name(op),
        signal{shape[1], shape[2], length, !is_fourier(kind)},
        bins{length, shape[2], !is_fourier(kind)},
        chunks(ctx, shape[0], shape[2] * (length + 2 * bins.bins()) * 4),
        samples(ctx.empty({chunks.at_once, shape[2], length}, DType::f32)),
        transformed(ctx.empty({chunks.at_once, shape[2], 2 * bins.bins()}, DType::f32)) {}

  std::int64_t spectrum_count() const { return bins.rows() * bins.row_width(); }
};

void signal_to_spectrum(Job job, const Tensor& signal, Tensor& spectrum, const BinScales& scales) {
  dispatch_cuda_float(signal.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Columns<const T> x = columns_of<T>(&signal);
    job.chunks([&](std::int64_t first, std::int64_t count) {
      float* samples = elements<float>(job.samples);
      float2* bins = elements<float2>(job.transformed);
      gather<T>(job.ctx, job.name, x.from(first, job.signal.rows), {}, job.signal, count, samples);
      fft_forward(job.ctx, job.name, samples, bins, job.bins.length, count * job.bins.channels);
      const TileGrid grid(job.bins.bins(), job.bins.channels, count);
      launch(grid.config(job.ctx, job.name), scatter_bins, bins, job.bins, grid, Scales(scales),
             elements<float>(spectrum) + first * job.spectrum_count());
    });
  });
}

void spectrum_to_signal(Job job, const Tensor& spectrum, Tensor& signal, const BinScales& scales) {
  dispatch_cuda_float(signal.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Columns<T> x = mutable_columns_of<T>(&signal);
    job.chunks([&](std::int64_t first, std::int64_t count) {
      float* samples = elements<float>(job.samples);
      float2* bins = elements<float2>(job.transformed);
      const TileGrid grid(job.bins.bins(), job.bins.channels, count);
      launch(grid.config(job.ctx, job.name), gather_bins,
             elements<float>(spectrum) + first * job.spectrum_count(), job.bins, grid,
             Scales(scales), bins);
      fft_inverse(job.ctx, job.name, bins, samples, job.bins.length, count * job.bins.channels);
      const bool pairs = pairs_allowed<T>(job.signal.channels, {as_const(x)});
      const TileGrid tiles(job.signal.used(), job.signal.channels, count, pairs ? 2 : 1);
      launch(tiles.config(job.ctx, job.name), pairs ? scatter_signal<T, 2> : scatter_signal<T, 1>,
             samples, job.signal, tiles, x.from(first, job.signal.rows));
    });
  });
}

/// What one of the four ops is called with.
struct Call {
  Context& ctx;
  const char* name;
  TransformKind kind;
  std::int64_t length;

  /// Does it as a product, if that is the way. `scales`: of the matrix from samples to bins.
  /// Not from or to bf16: the matrix would be rounded too, and spectra are to be as good as
  /// float32.
  bool multiply_instead(const Tensor& from, Tensor& to, const BinScales& scales,
                        bool to_samples) const {
    if (from.dtype() != DType::f32 || to.dtype() != DType::f32 ||
        !transforms_by_product(ctx, kind, length, DType::f32))
      return false;
    const Shape& shape = from.shape();
    multiply(ctx, name,
             CosineProduct{.from = from.raw(),
                           .from_width = shape[2],
                           .to = to.raw(),
                           .samples = shape[0],
                           .length = length,
                           .channels = shape[2],
                           .scales = {scales.first, scales.rest},
                           .to_samples = to_samples});
    return true;
  }
};

}  // namespace

void Transform::cuda(Context& ctx) const {
  const TransformScales scales = transform_scales(kind, length);
  if (Call{ctx, name, kind, length}.multiply_instead(*x, *spectrum, scales.forward, false)) return;
  signal_to_spectrum({ctx, name, x->shape(), kind, length}, *x, *spectrum, scales.forward);
}

void TransformGrad::cuda(Context& ctx) const {
  const TransformScales scales = transform_scales(kind, length);
  if (Call{ctx, name, kind, length}.multiply_instead(*dspectrum, *dx, scales.forward, true)) return;
  spectrum_to_signal({ctx, name, dx->shape(), kind, length}, *dspectrum, *dx,
                     scales.forward_adjoint);
}

void InverseTransform::cuda(Context& ctx) const {
  const TransformScales scales = transform_scales(kind, length);
  if (Call{ctx, name, kind, length}.multiply_instead(*spectrum, *x, scales.inverse_adjoint, true))
    return;
  spectrum_to_signal({ctx, name, x->shape(), kind, length}, *spectrum, *x, scales.inverse);
}

void InverseTransformGrad::cuda(Context& ctx) const {
  const TransformScales scales = transform_scales(kind, length);
  if (Call{ctx, name, kind, length}.multiply_instead(*dx, *dspectrum, scales.inverse_adjoint,
                                                     false))
    return;
  signal_to_spectrum({ctx, name, dx->shape(), kind, length}, *dx, *dspectrum,
                     scales.inverse_adjoint);
}

}  // namespace orchid::ops
