#include "kernels/cuda/device/bin_rows.cuh"
#include "kernels/cuda/device/conv_grad_signals.cuh"
#include "kernels/cuda/device/row_grid.cuh"
#include "kernels/cuda/runtime/conv_by_products.h"
#include "kernels/cuda/runtime/cosine.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

/// From T(u) and T(dc) to the gradient of the kernel, dh (null when left out) and its sum over each
/// part of the batch, and that of T(u), du.
template <class T, int V>
__global__ void __launch_bounds__(kBinThreads)
    grad_rows(const Bin<T>* u_bins, const Bin<T>* dc_bins, T* du, BinRows s, KernelRows kernel,
              BatchParts parts, float* dh, float* sums, bool add) {
  const std::int64_t element = grid_thread() * V;
  if (element >= s.size) return;
  const KernelPack<V> pack(s, kernel, element);
  float sum[V] = {};
#pragma unroll 2
  for (std::int64_t b = parts.first(blockIdx.y); b < parts.last(blockIdx.y); ++b) {
    const std::int64_t at = b * s.size + element;
    float u[V], dc[V], h[V];
    load(u_bins + at, u);
    load(dc_bins + at, dc);
    pack.get(b * s.size, h);
#pragma unroll
    for (int v = 0; v < V; ++v) {
      u[v] *= pack.scale * dc[v];
      dc[v] *= h[v];
      sum[v] += u[v];
    }
    store(du + at, dc);
    if (dh) store(dh + at, u);
  }
  float* const to = sums + blockIdx.y * s.size + element;
  if (add) {
    float before[V];
    load(to, before);
#pragma unroll
    for (int v = 0; v < V; ++v) sum[v] += before[v];
  }
  store(to, sum);
}

/// Everything after the inverse transform; dskip is (blocks along rows, D), the sum over each
/// block's rows, null when left out.
template <class T, int V, bool kShort>
__global__ void __launch_bounds__(kWarp* kRowRuns, 2)
    finish_rows_grad(const T* convolved, RowGrid grid, GradSignals<T> o, float* dskip) {
  ORCHID_SHARED(float, shared, [kRowRuns][kWarp * V + 1]);
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  const std::int64_t d = grid.channel();
  const bool inside = d < grid.channels;
  const GradReaders<T, V, kShort> from(o, d, inside);
  float skip[V] = {}, sums[V] = {};
  if (o.skip && inside) load_few<V>(o.skip + d, skip);
  if (inside) {
    grid.for_each_row([&](std::int64_t r, std::int64_t row) {
      GradRow<T, V> own;
      load_few<V>(convolved + r * grid.channels + d, own.du);
      own.load(o, from, r, row, skip);
      if (dskip) {
#pragma unroll
        for (int v = 0; v < V; ++v) sums[v] += own.dc[v] * own.x[v] * own.gate[v];
      }
      own.store(o, r, d);
    });
  }
  if (!dskip) return;
#pragma unroll
  for (int v = 0; v < V; ++v) shared[ty][v * kWarp + tx] = sums[v];
  __syncthreads();
  if (ty != 0 || !inside) return;
  float total[V] = {};
  for (int i = 0; i < kRowRuns; ++i) {
#pragma unroll
    for (int v = 0; v < V; ++v) total[v] += shared[i][v * kWarp + tx];
  }
  store_few<V>(dskip + grid.row_block() * grid.channels + d, total);
}

template <class T, bool kShort>
struct Gradient {
  Context& ctx;
  const FftConvGrad& op;
  DType dtype;
  std::int64_t rows, width;
  BinRows bins;
  KernelRows kernel;
  GradSignals<T> all;
  Tensor samples, u, dc;  ///< of one chunk: in time, and two spectra

  Gradient(Context& context, const FftConvGrad& o, std::int64_t at_once)
      : ctx(context),
        op(o),
        dtype(o.dy->dtype()),
        rows(o.dy->shape()[1]),
        width(o.dy->shape()[2]),
        bins(o, o.dy->shape()),
        kernel(kernel_rows(o)),
        all(o),
        samples(ctx.empty({at_once, rows, width}, dtype)),
        u(ctx.empty(samples.shape(), bin_type<T>())),
        dc(ctx.empty(samples.shape(), bin_type<T>())) {}

  RowGrid grid(std::int64_t count) const { return {count * rows, rows, width, 1}; }
  void multiply_cosines(const void* from, std::int64_t from_width, Tensor& to, std::int64_t count,
                        bool to_samples) {
    multiply(ctx, op.name,
             CosineProduct{.from = from,
                           .from_width = from_width,
                           .to = to.raw(),
                           .operands = dtype,
                           .result = to_samples ? dtype : bin_type<T>(),
                           .samples = count,
                           .length = rows,
                           .channels = width,
                           .to_samples = to_samples});
  }
  void transform(const Input<T>& x, const Input<T>& gate, std::int64_t count, Tensor& spectrum) {
    const GatheredRows<T> signal =
        gather_in_rows<T, kShort>(ctx, op.name, x, gate, grid(count), elements<T>(samples));
    multiply_cosines(signal.data, signal.width, spectrum, count, false);
  }

  /// Spectra to spectra: dh, dh0, and du in `samples`.
  void multiply_bins(std::int64_t first, std::int64_t count) {
    T* const du = elements<T>(samples);
    float* const dh = op.dh.defined() ? elements<float>(*op.dh) + first * bins.size : nullptr;
    const KernelRows own = kernel.from(first, bins);
    const bool packs = vectorizable<T>(width, du, own.h0, own.h, dh, elements<float>(*op.dh0));
    const int lanes = packs ? kLanes<T> : 1;
    const BatchParts parts(count, bins.blocks(lanes));
    const bool one = parts.parts == 1;
    Tensor sums = one ? *op.dh0 : ctx.empty({parts.parts, bins.size}, DType::f32);
    launch(bins.config(ctx, op.name, lanes, parts.parts),
           packs ? grad_rows<T, kLanes<T>> : grad_rows<T, 1>, elements<Bin<T>>(u),
           elements<Bin<T>>(dc), du, bins, own, parts, dh, elements<float>(sums), one);
    if (one) return;
    launch({.grid = blocks_for(bins.size, 256),
            .block = 256,
            .stream = stream_of(ctx),
            .name = op.name},
           add_column_sums<1>, elements<float>(sums), parts.parts, bins.size,
           SumTargets<1>{{elements<float>(*op.dh0)}});
  }

  void finish(const GradSignals<T>& o, std::int64_t count) {
    constexpr int V = kRowLanes<T, kShort>;
    RowGrid all_rows = grid(count);
    const bool packs = o.lanes(V, width);
    all_rows.lanes = packs ? V : 1;
    const std::int64_t blocks = all_rows.along_rows();
    Tensor dskip;
    if (op.dskip.defined()) dskip = ctx.empty({blocks, width}, DType::f32);
    float* const sums = dskip.defined() ? elements<float>(dskip) : nullptr;
    launch(all_rows.config(ctx, op.name),
           packs ? finish_rows_grad<T, V, kShort> : finish_rows_grad<T, 1, kShort>, elements<T>(dc),
           all_rows, o, sums);
    if (!sums) return;
    accumulate_columns<1>(ctx, op.name, PartialRows{sums, width}, blocks, width,
                          {{elements<float>(*op.dskip)}}, vectorizable<float>(width, sums));
  }

  void chunk(std::int64_t first, std::int64_t count) {
    const GradSignals<T> o = all.from(first, rows);
    transform(o.x, o.gate_in, count, u);
    transform(o.dy, o.gate_out, count, dc);
    multiply_bins(first, count);
    multiply_cosines(samples.raw(), width, dc, count, true);
    finish(o, count);
  }
};

}  // namespace

void convolve_grad_by_products(Context& ctx, const FftConvGrad& op) {
  const Shape& shape = op.dy->shape();
  dispatch_cuda_float(op.dy->dtype(), [&](auto zero) {
    using T = decltype(zero);
    constexpr std::int64_t kBytes = sizeof(T) + 2 * sizeof(Bin<T>);
    const SampleChunks chunks(ctx, shape[0], kBytes * shape[1] * shape[2]);
    const auto run_chunks = [&](auto gradient) {
      chunks([&](std::int64_t first, std::int64_t count) { gradient.chunk(first, count); });
    };
    if (op.short_weight.defined()) return run_chunks(Gradient<T, true>(ctx, op, chunks.at_once));
    run_chunks(Gradient<T, false>(ctx, op, chunks.at_once));
  });
}

}  // namespace orchid::ops
