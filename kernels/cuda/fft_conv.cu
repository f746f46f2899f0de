#include "kernels/cuda/device/conv_signals.cuh"
#include "kernels/cuda/runtime/conv_by_products.h"
#include "kernels/cuda/runtime/cosine.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

/// Bins of T(u) times the kernel, in place. The "samples" of the grid are parts of the batch.
__global__ void __launch_bounds__(kTileThreads)
    multiply_bins(float2* bins, BinShape s, TileGrid grid, KernelSpectrum kernel,
                  BatchParts parts) {
  ORCHID_SHARED(float, first, [kTile][kTilePitch<1>]);
  ORCHID_SHARED(float, second, [kTile][kTilePitch<1>]);
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  const TileOrigin at = grid.origin();
  float2 fixed[kThreadBins];
  read_fixed(s, kernel, at, fixed);
  const std::int64_t f = at.position + tx, begin = parts.first(at.sample);
  const float2 turn = s.cosine ? s.turn(f) : float2{};
  for (std::int64_t b = begin; b < parts.last(at.sample); ++b) {
    if (kernel.h || b == begin) {
      put_kernel(s, kernel, at, b, fixed, first, second);
      __syncthreads();
    }
#pragma unroll
    for (int i = ty; i < kTile; i += kTileStep) {
      const std::int64_t d = at.channel + i;
      if (f >= s.bins() || d >= s.channels) continue;
      float2& bin = bins[(b * s.channels + d) * s.bins() + f];
      const float2 u = bin, h{first[tx][i], second[tx][i]};
      if (s.edge(f)) {
        bin = {u.x * h.x, 0.0f};
      } else if (s.cosine) {
        const float2 pair = multiplied_conj(u, turn);
        bin = multiplied({pair.x * h.x, pair.y * h.y}, turn);
      } else {
        bin = multiplied(u, h);
      }
    }
    if (kernel.h) __syncthreads();
  }
}

template <class T, int V, bool kShort>
__global__ void __launch_bounds__(kTileThreads)
    finish_conv(const float* convolved, SignalShape s, TileGrid grid, Signals<T> o) {
  ORCHID_SHARED(float, tile, [kTile][kTilePitch<V>]);
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  const TileOrigin at = grid.origin();
  load_tile<V>(convolved, s, at, tile);
  const std::int64_t d = at.channel + tx * V;
  const bool inside = d < s.channels;
  const ConvFinish<T, V, kShort> finish(o, d, inside);
#pragma unroll
  for (int i = ty; i < kTile; i += kTileStep) {
    const std::int64_t n = at.position + i, row = n < s.length ? s.row(n) : s.rows;
    if (row >= s.rows || !inside) continue;
    float values[V];
#pragma unroll
    for (int v = 0; v < V; ++v) values[v] = tile[i][v * kTile + tx];
    finish(at.sample * s.rows + row, row, values);
  }
}

template <class T, bool kShort>
void convolve(Context& ctx, const FftConv& op) {
  const Shape& shape = op.y->shape();
  const SignalShape signal = signal_shape(op, shape);
  const BinShape shape_of_bins = bin_shape(op, shape);
  const KernelSpectrum kernel = kernel_spectrum(op);
  const Signals<T> all(op);
  const std::int64_t width = shape[2], count = shape_of_bins.bins();
  const SampleChunks chunks(ctx, shape[0], width * (op.length + 2 * count) * 4);
  Tensor samples = ctx.empty({chunks.at_once, width, op.length}, DType::f32);
  Tensor transformed = ctx.empty({chunks.at_once, width, 2 * count}, DType::f32);
  float* const in_time = elements<float>(samples);
  float2* const bins = elements<float2>(transformed);
  chunks([&](std::int64_t first, std::int64_t chunk) {
    const Signals<T> o = all.from(first, signal.rows);
    gather<T, kShort>(ctx, op.name, o.x, o.gate_in, signal, chunk, in_time);
    fft_forward(ctx, op.name, in_time, bins, op.length, chunk * width);

    const TileGrid tiles(count, width, 1);
    const BatchParts parts(chunk, tiles.tiles());
    const TileGrid grid(count, width, parts.parts);
    launch(grid.config(ctx, op.name), multiply_bins, bins, shape_of_bins, grid,
           kernel.from(first, shape_of_bins), parts);

    fft_inverse(ctx, op.name, bins, in_time, op.length, chunk * width);
    const bool pairs = o.lanes(2, width);
    const TileGrid rows(signal.used(), width, chunk, pairs ? 2 : 1);
    launch(rows.config(ctx, op.name), pairs ? finish_conv<T, 2, kShort> : finish_conv<T, 1, kShort>,
           in_time, signal, rows, o);
  });
}

}  // namespace

void FftConv::cuda(Context& ctx) const {
  if (!(chained && y->dtype() == DType::bf16) &&
      transforms_by_product(ctx, kind, length, y->dtype()))
    return takes_tiles(ctx, *this) ? convolve_in_tiles(ctx, *this)
                                   : convolve_by_products(ctx, *this);
  dispatch_cuda_float(y->dtype(), [&](auto zero) {
    using T = decltype(zero);
    if (short_weight.defined()) return convolve<T, true>(ctx, *this);
    convolve<T, false>(ctx, *this);
  });
}

}  // namespace orchid::ops
