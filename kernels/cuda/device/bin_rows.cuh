#pragma once

#include "kernels/cuda/device/fft_conv.cuh"

/// Spectra of cosines in the layout (B, N, D) for products with the matrix of plain
/// cosines: whatever scales its rows is in the kernel.
namespace orchid::cuda {

/// Element of T(u) and T(dc); their products with the kernel are operands, of type T.
template <class T>
using Bin = float;
template <class T>
constexpr DType bin_type() {
  return sizeof(Bin<T>) == sizeof(float) ? DType::f32 : DType::bf16;
}

inline constexpr int kBinThreads = 256;

/// The kernel of one sample has N D elements, in packs of V; a thread has one of them and goes
/// through a part of the batch. Grid: packs, and parts.
struct BinRows {
  std::int64_t channels, size;  ///< D, N D
  float first, rest;            ///< scale s_f^2

  template <class Op>
  BinRows(const Op& op, const Shape& signal)
      : channels(signal[2]),
        size(signal[1] * signal[2]),
        first(static_cast<float>(op.scale / static_cast<double>(op.length))),
        rest(static_cast<float>(2 * op.scale / static_cast<double>(op.length))) {}

  std::int64_t blocks(int lanes) const {
    return (size + kBinThreads * lanes - 1) / (kBinThreads * lanes);
  }
  LaunchConfig config(const Context& ctx, const char* name, int lanes, std::int64_t parts) const {
    return {.grid = dim3(static_cast<unsigned>(blocks(lanes)), static_cast<unsigned>(parts)),
            .block = kBinThreads,
            .stream = stream_of(ctx),
            .name = name};
  }
  __device__ float scale(std::int64_t element) const { return element < channels ? first : rest; }
};

/// h0 and h (null when left out) of the op.
struct KernelRows {
  const float* h0;
  const float* h;

  KernelRows from(std::int64_t sample, const BinRows& s) const {
    return {h0, h ? h + sample * s.size : nullptr};
  }
};
template <class Op>
KernelRows kernel_rows(const Op& op) {
  return {elements<float>(*op.h0), op.h.defined() ? elements<float>(*op.h) : nullptr};
}

/// scale s_f^2 (h0 + h), with h0 kept.
template <int V>
struct KernelPack {
  float fixed[V], scale;
  const float* h;

  __device__ KernelPack(const BinRows& s, const KernelRows& kernel, std::int64_t element)
      : scale(s.scale(element)), h(kernel.h ? kernel.h + element : nullptr) {
    load(kernel.h0 + element, fixed);
#pragma unroll
    for (int v = 0; v < V; ++v) fixed[v] *= scale;
  }
  /// Of the sample whose kernel is `offset` elements behind the first.
  __device__ void get(std::int64_t offset, float (&to)[V]) const {
    if (!h) {
#pragma unroll
      for (int v = 0; v < V; ++v) to[v] = fixed[v];
      return;
    }
    load(h + offset, to);
#pragma unroll
    for (int v = 0; v < V; ++v) to[v] = fixed[v] + scale * to[v];
  }
};

}  // namespace orchid::cuda
