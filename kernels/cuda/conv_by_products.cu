#include "kernels/cuda/device/bin_rows.cuh"
#include "kernels/cuda/device/conv_signals.cuh"
#include "kernels/cuda/device/row_grid.cuh"
#include "kernels/cuda/runtime/conv_by_products.h"
#include "kernels/cuda/runtime/cosine.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

/// to = bins times the kernel; to may be bins.
template <class T, int V>
__global__ void __launch_bounds__(kBinThreads)
    multiply_rows(const Bin<T>* bins, T* to, BinRows s, KernelRows kernel, BatchParts parts) {
  const std::int64_t element = grid_thread() * V;
  if (element >= s.size) return;
  const KernelPack<V> pack(s, kernel, element);
#pragma unroll 4
  for (std::int64_t b = parts.first(blockIdx.y); b < parts.last(blockIdx.y); ++b) {
    float bin[V], h[V];
    load(bins + b * s.size + element, bin);
    pack.get(b * s.size, h);
#pragma unroll
    for (int v = 0; v < V; ++v) bin[v] *= h[v];
    store(to + b * s.size + element, bin);
  }
}

template <class T, int V, bool kShort>
__global__ void __launch_bounds__(kWarp* kRowRuns, 2)
    finish_rows(const T* convolved, RowGrid grid, Signals<T> o) {
  const std::int64_t d = grid.channel();
  if (d >= grid.channels) return;
  const ConvFinish<T, V, kShort> finish(o, d, true);
  grid.for_each_row([&](std::int64_t r, std::int64_t row) {
    float values[V];
    load_few<V>(convolved + r * grid.channels + d, values);
    finish(r, row, values);
  });
}

template <class T>
void multiply_bins(Context& ctx, const char* name, const Bin<T>* bins, T* to, const BinRows& s,
                   const KernelRows& kernel, std::int64_t samples) {
  const bool packs = vectorizable<T>(s.channels, bins, to, kernel.h0, kernel.h);
  const int lanes = packs ? kLanes<T> : 1;
  const BatchParts parts(samples, s.blocks(lanes));
  launch(s.config(ctx, name, lanes, parts.parts),
         packs ? multiply_rows<T, kLanes<T>> : multiply_rows<T, 1>, bins, to, s, kernel, parts);
}

template <class T, bool kShort>
void convolve(Context& ctx, const FftConv& op) {
  const Shape& shape = op.y->shape();
  const DType dtype = op.y->dtype();
  const std::int64_t rows = shape[1], width = shape[2];
  const BinRows bins(op, shape);
  const KernelRows kernel = kernel_rows(op);
  const Signals<T> all(op);
  constexpr std::int64_t kBytes = sizeof(T) + sizeof(Bin<T>);
  const SampleChunks chunks(ctx, shape[0], kBytes * bins.size);
  Tensor samples = ctx.empty({chunks.at_once, rows, width}, dtype);
  Tensor transformed = ctx.empty(samples.shape(), bin_type<T>());
  chunks([&](std::int64_t first, std::int64_t chunk) {
    const Signals<T> o = all.from(first, rows);
    RowGrid grid{chunk * rows, rows, width, 1};
    const GatheredRows<T> u =
        gather_in_rows<T, kShort>(ctx, op.name, o.x, o.gate_in, grid, elements<T>(samples));
    CosineProduct product{.from = u.data,
                          .from_width = u.width,
                          .to = transformed.raw(),
                          .operands = dtype,
                          .result = bin_type<T>(),
                          .samples = chunk,
                          .length = rows,
                          .channels = width};
    multiply(ctx, op.name, product);
    multiply_bins(ctx, op.name, elements<Bin<T>>(transformed), elements<T>(samples), bins,
                  kernel.from(first, bins), chunk);
    product.from = samples.raw();
    product.from_width = width;
    product.to = transformed.raw();
    product.result = dtype;
    product.to_samples = true;
    multiply(ctx, op.name, product);

    constexpr int V = kRowLanes<T, kShort>;
    const bool packs = o.lanes(V, width);
    grid.lanes = packs ? V : 1;
    launch(grid.config(ctx, op.name), packs ? finish_rows<T, V, kShort> : finish_rows<T, 1, kShort>,
           elements<T>(transformed), grid, o);
  });
}

}  // namespace

void convolve_by_products(Context& ctx, const FftConv& op) {
  dispatch_cuda_float(op.y->dtype(), [&](auto zero) {
    using T = decltype(zero);
    if (op.short_weight.defined()) return convolve<T, true>(ctx, op);
    convolve<T, false>(ctx, op);
  });
}

}  // namespace orchid::ops
