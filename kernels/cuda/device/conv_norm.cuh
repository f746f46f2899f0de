#pragma once

#include "kernels/cuda/device/conv_norm_layer.cuh"
#include "kernels/cuda/device/conv_norm_rings.cuh"
#include "kernels/cuda/device/conv_norm_rows.cuh"
#include "kernels/ops/conv_norm.h"

/// From ConvNorm or its gradient to kernels.
namespace orchid::cuda {

/// Calls body(layer) with the layer of an op; `dx` null: forward.
template <class Op, class Body>
void with_layer(const Op& op, Tensor* dx, const Body& body) {
  const Shape &shape = op.x->shape(), &weight = op.weight->shape();
  const auto call = [&](auto source) {
    body(Layer<decltype(source)>{.source = source,
                                 .weight = elements<float>(*op.weight),
                                 .bias = op.bias.defined() ? elements<float>(*op.bias) : nullptr,
                                 .length = static_cast<int>(shape[1]),
                                 .groups = static_cast<int>(op.groups),
                                 .out = static_cast<int>(weight[0] / op.groups),
                                 .taps = static_cast<int>(weight[2]),
                                 .planar = op.planar});
  };
  const auto plain = [&](auto zero) {
    using T = decltype(zero);
    call(PlainRows<T>{elements<T>(*op.x) + op.x_column, dx ? elements<T>(*dx) : nullptr, shape[2],
                      op.groups});
  };
  if (!op.power) return dispatch_cuda_float(op.x->dtype(), plain);
  const float* const z = elements<float>(*op.x);
  float* const dz = dx ? elements<float>(*dx) : nullptr;
  if (op.complex) return call(ComplexPowerRows{z, dz, shape[2], op.groups});
  call(RealPowerRows{z, dz, shape[2], op.groups});
}

/// Calls body(Pack{}) with the packs that suit a layer; `others` are accessed in packs, too.
template <class Rows, class Body, class... Pointers>
void with_pack(const Layer<Rows>& layer, const Body& body, const Pointers*... others) {
  using T = typename Rows::Element;
  const bool vectors = layer.taps == 3 && layer.source.x_stride % kLanes<T> == 0 &&
                       vectorizable<T>(layer.groups, layer.source.x, layer.source.dx, layer.weight,
                                       layer.bias, others...);
  if (!vectors) return body(PackOf<1, 1, 0>{});
  if (layer.out == 1) return body(PackOf<kLanes<T>, 1, 3>{});
  body(PackOf<4, 2, 3>{});
}

/// Calls body(Pack{}) with the packs of runs if they suit a layer; false: they do not, or a row
/// would take more than `most` threads.
template <class Rows, class Body, class... Pointers>
bool with_run_pack(const Layer<Rows>& layer, int most, const Body& body,
                   const Pointers*... others) {
  using T = typename Rows::Element;
  const auto fits = [&](auto pack) {
    constexpr int V = decltype(pack)::V, kSize = decltype(pack)::kSize;
    const auto aligned = [](const void* p) {
      return reinterpret_cast<std::uintptr_t>(p) % (V * sizeof(T)) == 0;
    };
    return layer.taps == 3 && layer.groups % V == 0 && layer.source.x_stride % V == 0 &&
           layer.outputs() <= most * kSize && aligned(layer.source.x) && aligned(layer.source.dx) &&
           vectorizable<float>(kSize, layer.weight, layer.bias, others...);
  };
  // Of two parts of 4 groups a window would not fit the registers.
  if constexpr (Rows::kParts == 1) {
    if (layer.out == 1 && fits(RunPack<1>{})) return body(RunPack<1>{}), true;
  }
  if (layer.out == 2 && fits(RunPack<2>{})) return body(RunPack<2>{}), true;
  return false;
}

struct RunBlocks {
  Runs runs;
  dim3 threads;  ///< of a row, and runs at a time

  bool few() const { return threads.x <= unsigned{kFewRunThreads}; }
  LaunchConfig config(Context& ctx, const char* name, int bytes, std::int64_t most) const {
    return {.grid = blocks_for(runs.count, threads.y, 1, most),
            .block = threads,
            .shared = std::size_t{threads.x} * threads.y * static_cast<std::size_t>(bytes),
            .stream = stream_of(ctx),
            .name = name};
  }
};

/// Runs long enough to read little twice, and short enough for many blocks.
inline RunBlocks run_blocks(std::int64_t rows, int length, int packs) {
  constexpr int kMostRun = 32, kLeastRun = 4, kManyBlocks = 264;
  const unsigned threads = blocks_for(packs, kWarp) * kWarp,
                 together = threads < kFewRunThreads ? kFewRunThreads / threads : 1;
  const std::int64_t samples = rows / length;
  const auto runs_of = [&](int run) { return (length + run - 1) / run; };
  int run = kMostRun;
  while (run > kLeastRun && samples * runs_of(run) < std::int64_t{kManyBlocks} * together) run /= 2;
  const int even = (length + runs_of(run) - 1) / runs_of(run), in_sample = runs_of(even);
  const std::int64_t count = samples * in_sample;
  return {{count, even, in_sample, length},
          dim3(threads, count < together ? static_cast<unsigned>(count) : together)};
}

}  // namespace orchid::cuda
