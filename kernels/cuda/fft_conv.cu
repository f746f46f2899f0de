#include "kernels/cuda/device/fft_conv.cuh"
#include "kernels/ops/fft_conv.h"

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

/// (B, L, D) operands of one chunk of samples.
template <class T>
struct Signals {
  Input<T> x, gate_in, gate_out;
  Columns<const T> add;
  Columns<T> c, y;
  const float* skip;

  explicit Signals(const FftConv& op)
      : x(input_of<T>(op, op.x.tensor, op.x_column)),
        gate_in(input_of<T>(op, op.gate_in.tensor, op.gate_in_column)),
        gate_out(input_of<T>(op, op.gate_out.tensor, op.gate_out_column)),
        add(columns_of<T>(op.add.tensor)),
        c(mutable_columns_of<T>(op.c.tensor)),
        y(mutable_columns_of<T>(op.y.tensor)),
        skip(channel_values(op.skip)) {}

  Signals from(std::int64_t first, std::int64_t rows) const {
    Signals s = *this;
    s.x = x.from(first, rows);
    s.gate_in = gate_in.from(first, rows);
    s.gate_out = gate_out.from(first, rows);
    s.add = add.from(first, rows);
    s.c = c.from(first, rows);
    s.y = y.from(first, rows);
    return s;
  }
  bool pairs(std::int64_t channels) const {
    return pairs_allowed<T>(channels, {x.columns, gate_in.columns, gate_out.columns, add,
                                       as_const(c), as_const(y)}) &&
           reinterpret_cast<std::uintptr_t>(skip) % sizeof(float2) == 0;
  }
};

/// Everything after the inverse transform: skip, c, gate_out, add, y.
template <class T, int V, bool kShort>
__global__ void __launch_bounds__(kTileThreads)
    finish_conv(const float* convolved, SignalShape s, TileGrid grid, Signals<T> o) {
  ORCHID_SHARED(float, tile, [kTile][kTilePitch<V>]);
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  const TileOrigin at = grid.origin();
  load_tile<V>(convolved, s, at, tile);
  const std::int64_t d = at.channel + tx * V;
  const bool inside = d < s.channels;
  const InputReader<T, V, kShort> x(o.x, d, inside && o.skip),
      gate_in(o.gate_in, d, inside && o.skip), gate_out(o.gate_out, d, inside);
  float skip[V] = {}, other[V];
  if (o.skip && inside) load_few<V>(o.skip + d, skip);
#pragma unroll
  for (int i = ty; i < kTile; i += kTileStep) {
    const std::int64_t n = at.position + i, row = n < s.length ? s.row(n) : s.rows;
    if (row >= s.rows || !inside) continue;
    const std::int64_t r = at.sample * s.rows + row;
    float values[V];
#pragma unroll
    for (int v = 0; v < V; ++v) values[v] = tile[i][v * kTile + tx];
    if (o.skip) {
      x.load(r, row, other);
      if (gate_in) gate_in.scale(r, row, other);
#pragma unroll
      for (int v = 0; v < V; ++v) values[v] += skip[v] * other[v];
    }
    if (o.c) store_few<V>(o.c.at(r, d), values);
    if (gate_out) gate_out.scale(r, row, values);
    if (o.add) {
      load_few<V>(o.add.at(r, d), other);
#pragma unroll
      for (int v = 0; v < V; ++v) values[v] += other[v];
    }
    store_few<V>(o.y.at(r, d), values);
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
    const bool pairs = o.pairs(width);
    const TileGrid rows(signal.used(), width, chunk, pairs ? 2 : 1);
    launch(rows.config(ctx, op.name), pairs ? finish_conv<T, 2, kShort> : finish_conv<T, 1, kShort>,
           in_time, signal, rows, o);
  });
}

}  // namespace

void FftConv::cuda(Context& ctx) const {
  dispatch_cuda_float(y->dtype(), [&](auto zero) {
    using T = decltype(zero);
    if (short_weight.defined()) return convolve<T, true>(ctx, *this);
    convolve<T, false>(ctx, *this);
  });
}

}  // namespace orchid::ops
