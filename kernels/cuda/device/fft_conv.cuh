#pragma once

#include "kernels/cuda/device/bins.cuh"
#include "kernels/cuda/device/signal_rows.cuh"
#include "kernels/cuda/runtime/fft.h"
#include "kernels/ops/fft_conv.h"

/// What FftConv and its gradient share.
namespace orchid::cuda {

/// scale / N (h0 + h), h (B, F, width) null when left out.
struct KernelSpectrum {
  const float* h0;
  const float* h;
  std::int64_t h_width;
  float scale;

  KernelSpectrum from(std::int64_t first, const BinShape& s) const {
    return {h0, h ? h + first * s.rows() * h_width : nullptr, h_width, scale};
  }
};

/// The samples of a batch, in consecutive parts of equal size but the last: a block goes through
/// one part with h0, and sums over it, kept in registers.
struct BatchParts {
  std::int64_t samples, per_part, parts;

  BatchParts(std::int64_t all_samples, std::int64_t tiles, std::int64_t most_parts = 32)
      : samples(all_samples) {
    constexpr std::int64_t kBlocksWanted = 2048;
    parts = (kBlocksWanted + tiles - 1) / tiles;
    parts = parts < most_parts ? parts : most_parts;
    parts = parts < samples ? parts : samples;
    per_part = (samples + parts - 1) / parts;
    parts = (samples + per_part - 1) / per_part;
  }
  __device__ std::int64_t first(std::int64_t part) const { return part * per_part; }
  __device__ std::int64_t last(std::int64_t part) const {
    return part + 1 < parts ? (part + 1) * per_part : samples;
  }
};

/// Bins of a thread in a tile of 32 bins by 32 channels.
inline constexpr int kThreadBins = kTile / kTileStep;

/// This thread's bins of h0, facing channels.
inline __device__ void read_fixed(const BinShape& s, const KernelSpectrum& kernel,
                                  const TileOrigin& at, float2 (&fixed)[kThreadBins]) {
  const std::int64_t d = at.channel + threadIdx.x;
#pragma unroll
  for (int k = 0; k < kThreadBins; ++k) {
    const std::int64_t f = at.position + threadIdx.y + k * kTileStep;
    fixed[k] =
        f < s.bins() && d < s.channels ? read_bin(s, kernel.h0, f, d, s.row_width()) : float2{};
  }
}

/// Writes the kernel of sample b to this thread's places in the tile, facing channels.
inline __device__ void put_kernel(const BinShape& s, const KernelSpectrum& kernel,
                                  const TileOrigin& at, std::int64_t b,
                                  const float2 (&fixed)[kThreadBins],
                                  float (&first)[kTile][kTilePitch<1>],
                                  float (&second)[kTile][kTilePitch<1>]) {
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  const std::int64_t d = at.channel + tx;
#pragma unroll
  for (int k = 0; k < kThreadBins; ++k) {
    const int i = ty + k * kTileStep;
    const std::int64_t f = at.position + i;
    float2 bin = fixed[k];
    if (kernel.h && f < s.bins() && d < s.channels) {
      const float2 own =
          read_bin(s, kernel.h + b * s.rows() * kernel.h_width, f, d, kernel.h_width);
      bin.x += own.x;
      bin.y += own.y;
    }
    first[i][tx] = kernel.scale * bin.x;
    second[i][tx] = kernel.scale * bin.y;
  }
}

/// Shapes of one op, from `signal` (B, L, D).
template <class Op>
SignalShape signal_shape(const Op& op, const Shape& signal) {
  return {signal[1], signal[2], op.length, !ops::is_fourier(op.kind)};
}
template <class Op>
BinShape bin_shape(const Op& op, const Shape& signal) {
  return {op.length, signal[2], !ops::is_fourier(op.kind)};
}
template <class Op>
KernelSpectrum kernel_spectrum(const Op& op) {
  const bool own = op.h.defined();
  return {elements<float>(*op.h0), own ? elements<float>(*op.h) : nullptr,
          own ? op.h->shape().last() : 0,
          static_cast<float>(op.scale / static_cast<double>(op.length))};
}
/// x or a gate, with the short convolution of the op.
template <class T, class Op>
Input<T> input_of(const Op& op, const Tensor* tensor, std::int64_t first) {
  Input<T> input(columns_of<T>(tensor, first));
  if (!tensor || !op.short_weight.defined()) return input;
  input.taps = static_cast<int>(op.short_weight->shape()[2]);
  input.weight = elements<float>(*op.short_weight) + first * input.taps;
  if (op.short_bias.defined()) input.bias = elements<float>(*op.short_bias) + first;
  return input;
}
static_assert(ops::kMaxShortTaps == kMostShortTaps);
/// A vector per channel, such as skip: null when left out.
inline const float* channel_values(const OptionalIn& operand) {
  return operand.defined() ? elements<float>(*operand) : nullptr;
}

}  // namespace orchid::cuda
