#include "kernels/cuda/device/conv_grad_signals.cuh"
#include "kernels/cuda/runtime/conv_by_products.h"
#include "kernels/cuda/runtime/cosine.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

/// Where the gradient of the kernel goes.
struct KernelGrad {
  float* dh;    ///< of each sample; null when left out
  float* sums;  ///< of each part of the batch (parts, F, C)
  bool add;     ///< sums +=, not =
};

struct BinGrads {
  float2 dh, du;
};

/// Of one bin, from those of u, of the gradient of c, and of the kernel; without the scale of dh.
inline __device__ BinGrads grad_of_bin(const BinShape& s, bool edge, float2 u, float2 g, float2 h,
                                       float2 turn) {
  if (edge) return {{g.x * u.x, 0.0f}, {g.x * h.x, 0.0f}};
  if (!s.cosine) {
    const float2 dh = multiplied_conj(g, u);
    return {{2 * dh.x, 2 * dh.y}, multiplied_conj(g, h)};
  }
  const float2 own = multiplied_conj(u, turn), pair = multiplied_conj(g, turn);
  return {{2 * pair.x * own.x, 2 * pair.y * own.y}, multiplied({pair.x * h.x, pair.y * h.y}, turn)};
}

/// From T(u) and T(dc) to the gradient of the kernel and, in place of T(dc), that of T(u).
__global__ void __launch_bounds__(kTileThreads)
    grad_bins(const float2* u_bins, float2* dc_bins, BinShape s, TileGrid grid,
              KernelSpectrum kernel, BatchParts parts, KernelGrad grad) {
  ORCHID_SHARED(float, first, [kTile][kTilePitch<1>]);
  ORCHID_SHARED(float, second, [kTile][kTilePitch<1>]);
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  const TileOrigin at = grid.origin();
  float2 fixed[kThreadBins], sums[kThreadBins] = {};
  read_fixed(s, kernel, at, fixed);
  const std::int64_t f = at.position + tx, begin = parts.first(at.sample);
  const std::int64_t channel = at.channel + tx;  // facing channels
  const float2 turn = s.cosine ? s.turn(f) : float2{};
  const bool edge = s.edge(f);
  for (std::int64_t b = begin; b < parts.last(at.sample); ++b) {
    if (kernel.h || b == begin) {
      put_kernel(s, kernel, at, b, fixed, first, second);
      __syncthreads();
    }
#pragma unroll
    for (int k = 0; k < kThreadBins; ++k) {
      const int i = ty + k * kTileStep;
      const std::int64_t d = at.channel + i;
      if (f >= s.bins() || d >= s.channels) continue;
      const std::int64_t bin = (b * s.channels + d) * s.bins() + f;
      const BinGrads grads =
          grad_of_bin(s, edge, u_bins[bin], dc_bins[bin], {first[tx][i], second[tx][i]}, turn);
      dc_bins[bin] = grads.du;
      const float2 dh{kernel.scale * grads.dh.x, kernel.scale * grads.dh.y};
      sums[k].x += dh.x;
      sums[k].y += dh.y;
      if (grad.dh) {  // takes the place of the kernel
        first[tx][i] = dh.x;
        second[tx][i] = dh.y;
      }
    }
    if (!kernel.h) continue;
    __syncthreads();
    if (!grad.dh || channel >= s.channels) continue;
#pragma unroll
    for (int i = ty; i < kTile; i += kTileStep) {
      if (at.position + i < s.bins())
        write_bin(s, grad.dh + b * s.rows() * kernel.h_width, at.position + i, channel,
                  kernel.h_width, {first[i][tx], second[i][tx]});
    }
  }
  __syncthreads();
#pragma unroll
  for (int k = 0; k < kThreadBins; ++k) {
    first[tx][ty + k * kTileStep] = sums[k].x;
    second[tx][ty + k * kTileStep] = sums[k].y;
  }
  __syncthreads();
  if (channel >= s.channels) return;
  float* to = grad.sums + at.sample * s.rows() * s.row_width();
#pragma unroll
  for (int i = ty; i < kTile; i += kTileStep) {
    const std::int64_t row = at.position + i;
    if (row >= s.bins()) continue;
    const float2 sum{first[i][tx], second[i][tx]};
    if (grad.add) {
      add_bin(s, to, row, channel, s.row_width(), sum);
    } else {
      write_bin(s, to, row, channel, s.row_width(), sum);
    }
  }
}

/// Everything after the inverse transform; dskip is (blocks along B and L, D), the sum over each
/// block's rows, null when left out.
template <class T, int V, bool kShort>
__global__ void __launch_bounds__(kTileThreads)
    finish_grad(const float* convolved, SignalShape s, TileGrid grid, GradSignals<T> o,
                float* dskip) {
  ORCHID_SHARED(float, tile, [kTile][kTilePitch<V>]);
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  const TileOrigin at = grid.origin();
  load_tile<V>(convolved, s, at, tile);
  const std::int64_t d = at.channel + tx * V;
  const GradReaders<T, V, kShort> from(o, d, d < s.channels);
  float skip[V] = {}, sums[V] = {};
  if (o.skip && d < s.channels) load_few<V>(o.skip + d, skip);
#pragma unroll
  for (int i = ty; i < kTile; i += kTileStep) {
    const std::int64_t n = at.position + i, row = n < s.length ? s.row(n) : s.rows;
    if (row >= s.rows || d >= s.channels) continue;
    const std::int64_t r = at.sample * s.rows + row;
    GradRow<T, V> own;
#pragma unroll
    for (int v = 0; v < V; ++v) own.du[v] = tile[i][v * kTile + tx];
    own.load(o, from, r, row, skip);
    if (dskip) {
#pragma unroll
      for (int v = 0; v < V; ++v) sums[v] += own.dc[v] * own.x[v] * own.gate[v];
    }
    own.store(o, r, d);
  }
  if (!dskip) return;
  __syncthreads();
#pragma unroll
  for (int v = 0; v < V; ++v) tile[ty][v * kTile + tx] = sums[v];
  __syncthreads();
  if (ty != 0 || d >= s.channels) return;
  float total[V] = {};
  for (int i = 0; i < kTileStep; ++i) {
#pragma unroll
    for (int v = 0; v < V; ++v) total[v] += tile[i][v * kTile + tx];
  }
  const std::int64_t block = at.sample * grid.along_positions + at.position / kTile;
  store_few<V>(dskip + block * s.channels + d, total);
}

template <class T, bool kShort>
struct Gradient {
  Context& ctx;
  const FftConvGrad& op;
  SignalShape signal;
  BinShape bins;
  KernelSpectrum kernel;
  GradSignals<T> all;
  Tensor samples, u, dc;  ///< of one chunk: in time, and two spectra

  Gradient(Context& context, const FftConvGrad& o, std::int64_t at_once)
      : ctx(context),
        op(o),
        signal(signal_shape(o, o.dy->shape())),
        bins(bin_shape(o, o.dy->shape())),
        kernel(kernel_spectrum(o)),
        all(o),
        samples(ctx.empty({at_once, signal.channels, signal.length}, DType::f32)),
        u(ctx.empty({at_once, signal.channels, 2 * bins.bins()}, DType::f32)),
        dc(ctx.empty(u.shape(), DType::f32)) {}

  void transform(const Input<T>& x, const Input<T>& gate, std::int64_t count, Tensor& spectrum) {
    gather<T, kShort>(ctx, op.name, x, gate, signal, count, elements<float>(samples));
    fft_forward(ctx, op.name, elements<float>(samples), elements<float2>(spectrum), signal.length,
                count * signal.channels);
  }

  /// Spectra to spectra: dh, dh0, and du in place of dc.
  void multiply(std::int64_t first, std::int64_t count) {
    const std::int64_t tiles = TileGrid(bins.bins(), bins.channels, 1).tiles();
    const BatchParts parts(count, tiles);
    const TileGrid grid(bins.bins(), bins.channels, parts.parts);
    const std::int64_t size = bins.rows() * bins.row_width();
    const bool one = parts.parts == 1;
    Tensor sums = one ? *op.dh0 : ctx.empty({parts.parts, size}, DType::f32);
    const KernelGrad grad{
        op.dh.defined() ? elements<float>(*op.dh) + first * bins.rows() * kernel.h_width : nullptr,
        elements<float>(sums), one};
    launch(grid.config(ctx, op.name), grad_bins, elements<float2>(u), elements<float2>(dc), bins,
           grid, kernel.from(first, bins), parts, grad);
    if (one) return;
    launch({.grid = blocks_for(size, 256), .block = 256, .stream = stream_of(ctx), .name = op.name},
           add_column_sums<1>, elements<float>(sums), parts.parts, size,
           SumTargets<1>{{elements<float>(*op.dh0)}});
  }

  void finish(const GradSignals<T>& o, std::int64_t count) {
    const std::int64_t width = signal.channels;
    const bool pairs = o.lanes(2, width);
    const TileGrid grid(signal.used(), width, count, pairs ? 2 : 1);
    const std::int64_t blocks = count * grid.along_positions;
    Tensor dskip;
    if (op.dskip.defined()) dskip = ctx.empty({blocks, width}, DType::f32);
    float* const sums = dskip.defined() ? elements<float>(dskip) : nullptr;
    launch(grid.config(ctx, op.name), pairs ? finish_grad<T, 2, kShort> : finish_grad<T, 1, kShort>,
           elements<float>(samples), signal, grid, o, sums);
    if (!sums) return;
    accumulate_columns<1>(ctx, op.name, PartialRows{sums, width}, blocks, width,
                          {{elements<float>(*op.dskip)}}, vectorizable<float>(width, sums));
  }

  void chunk(std::int64_t first, std::int64_t count) {
    const GradSignals<T> o = all.from(first, signal.rows);
    transform(o.x, o.gate_in, count, u);
    transform(o.dy, o.gate_out, count, dc);
    multiply(first, count);
    fft_inverse(ctx, op.name, elements<float2>(dc), elements<float>(samples), signal.length,
                count * signal.channels);
    finish(o, count);
  }
};

}  // namespace

void FftConvGrad::cuda(Context& ctx) const {
  if (!(chained && dy->dtype() == DType::bf16) &&
      transforms_by_product(ctx, kind, length, dy->dtype()))
    return takes_tiles(ctx, *this) ? convolve_grad_in_tiles(ctx, *this)
                                   : convolve_grad_by_products(ctx, *this);
  const Shape& shape = dy->shape();
  const SampleChunks chunks(ctx, shape[0], shape[2] * (length + 4 * (length / 2 + 1)) * 4);
  dispatch_cuda_float(dy->dtype(), [&](auto zero) {
    const auto run_chunks = [&](auto gradient) {
      chunks([&](std::int64_t first, std::int64_t count) { gradient.chunk(first, count); });
    };
    using T = decltype(zero);
    if (short_weight.defined()) return run_chunks(Gradient<T, true>(ctx, *this, chunks.at_once));
    run_chunks(Gradient<T, false>(ctx, *this, chunks.at_once));
  });
}

}  // namespace orchid::ops
