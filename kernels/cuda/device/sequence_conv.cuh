#pragma once

#include "kernels/cuda/device/sequence_rows.cuh"

namespace orchid::cuda {

/// Convolutions that kernels of their own exist for; `s` is that of the forward direction.
inline bool has_window_kernel(const ConvShape& s) {
  return s.in == 1 && (s.out == 1 || s.out == 2) && (s.taps == 3 || s.taps == 5) &&
         s.padding == ops::Padding::zeros;
}

/// N neighbouring elements, in vectors where V > 1.
template <int V, int N, class T>
__device__ void load_channels(const T* p, float (&to)[N]) {
  if constexpr (V > 1) {
    load(p, to);
  } else {
#pragma unroll
    for (int i = 0; i < N; ++i) to[i] = to_float(p[i]);
  }
}
template <int V, int N, class T>
__device__ void store_channels(T* p, const float (&from)[N]) {
  if constexpr (V > 1) {
    store(p, from);
  } else {
#pragma unroll
    for (int i = 0; i < N; ++i) p[i] = from_float<T>(from[i]);
  }
}

/// Channels of position `p` of a sample, zeros outside of it; `x` points at them at position 0.
template <int V, int N, class T>
__device__ void load_row(const T* x, const ConvShape& shape, int p, float (&to)[N]) {
  if (p >= 0 && p < shape.length) {
    load_channels<V>(x + std::int64_t{p} * shape.x_stride, to);
  } else {
#pragma unroll
    for (int i = 0; i < N; ++i) to[i] = 0;
  }
}

/// Groups that a thread of such a kernel has: few enough that its window is kept in registers.
template <class T, int kIn, int kOut>
inline constexpr int kWindowLanes = kIn* kOut == 1 ? kLanes<T> : 4;

/// Positions that a thread of such a kernel takes one after another.
inline constexpr int kRun = 16;

/// Calls body(out, taps), integral constants, of a convolution that has_window_kernel.
template <class Body>
void with_window(int out, int taps, const Body& body) {
  using std::integral_constant;
  const auto with_taps = [&](auto outputs) {
    if (taps == 3) return body(outputs, integral_constant<int, 3>{});
    body(outputs, integral_constant<int, 5>{});
  };
  if (out == 1) return with_taps(integral_constant<int, 1>{});
  with_taps(integral_constant<int, 2>{});
}

/// V groups' weights in registers, in the op's layout. kAdjoint: those of the other direction,
/// with outputs and inputs exchanged and the taps reversed.
template <int V, int kIn, int kOut, int kTaps, bool kAdjoint>
struct WindowWeights {
  static constexpr int kWeights = kIn * kOut * kTaps;
  float w[V * kWeights];

  /// sum += tap j of a row.
  __device__ void add_tap(const float (&row)[V * kIn], int j, float (&sum)[V * kOut]) const {
#pragma unroll
    for (int v = 0; v < V; ++v)
#pragma unroll
      for (int o = 0; o < kOut; ++o)
#pragma unroll
        for (int i = 0; i < kIn; ++i) {
          const int index =
              kAdjoint ? (i * kOut + o) * kTaps + (kTaps - 1 - j) : (o * kIn + i) * kTaps + j;
          sum[v * kOut + o] += w[v * kWeights + index] * row[v * kIn + i];
        }
  }
};

/// One thread computes V groups of kRun positions, whose inputs slide through its registers.
template <class T, int V, int kIn, int kOut, int kTaps, bool kAdjoint>
__global__ void __launch_bounds__(kWarp* kRunRows, 1)
    window_conv(const T* __restrict__ x, const float* __restrict__ weight,
                const float* __restrict__ bias, T* __restrict__ y, ConvShape s) {
  const int g = static_cast<int>(blockIdx.x * kWarp + threadIdx.x) * V;
  if (g >= s.groups) return;
  WindowWeights<V, kIn, kOut, kTaps, kAdjoint> weights;
  float start[V * kOut] = {}, window[2 * kTaps - 1][V * kIn];
  load_channels<V>(weight + std::int64_t{g} * weights.kWeights, weights.w);
  if (bias) load_channels<V>(bias + g * kOut, start);
  const int stride = static_cast<int>(gridDim.y) * kRunRows * kRun;
  for (int b = static_cast<int>(blockIdx.z); b < s.batch; b += static_cast<int>(gridDim.z)) {
    const T* const from = x + b * s.x_sample() + g * kIn;
    T* const to = y + b * s.y_sample() + g * kOut;
    for (int first = static_cast<int>(blockIdx.y * kRunRows + threadIdx.y) * kRun; first < s.length;
         first += stride) {
      const int last = first + kRun < s.length ? first + kRun : s.length;
#pragma unroll
      for (int t = 0; t < kTaps - 1; ++t) load_row<V>(from, s, first - s.left + t, window[t]);
#pragma unroll 1
      for (int p = first; p < last; p += kTaps) {
#pragma unroll
        for (int r = 0; r < kTaps; ++r)
          if (p + r < last) load_row<V>(from, s, p + r - s.left + kTaps - 1, window[kTaps - 1 + r]);
#pragma unroll
        for (int r = 0; r < kTaps; ++r) {
          if (p + r >= last) break;
          float sum[V * kOut];
#pragma unroll
          for (int k = 0; k < V * kOut; ++k) sum[k] = start[k];
#pragma unroll
          for (int j = 0; j < kTaps; ++j) weights.add_tap(window[r + j], j, sum);
          store_channels<V>(to + std::int64_t{p + r} * s.outputs(), sum);
        }
#pragma unroll
        for (int t = 0; t < kTaps - 1; ++t)
#pragma unroll
          for (int k = 0; k < V * kIn; ++k) window[t][k] = window[t + kTaps][k];
      }
    }
  }
}

/// Either direction, where there is such a kernel.
template <class T, bool kAdjoint>
void run_window_conv(Context& ctx, const char* name, const T* x, const float* weight,
                     const float* bias, T* y, const ConvShape& s) {
  const bool vectors = vectorizable<T>(s.groups, x, weight, bias, y) && s.x_stride % kLanes<T> == 0;
  with_window(s.in * s.out, s.taps, [&](auto width, auto taps) {
    constexpr int kTaps = decltype(taps)::value, kWide = decltype(width)::value;
    constexpr int kIn = kAdjoint ? kWide : 1, kOut = kAdjoint ? 1 : kWide;
    constexpr int kVector = kWindowLanes<T, kIn, kOut>;
    launch({.grid = conv_grid(s, s.groups / (vectors ? kVector : 1), (s.length + kRun - 1) / kRun),
            .block = dim3(kWarp, kRunRows),
            .stream = stream_of(ctx),
            .name = name},
           vectors ? window_conv<T, kVector, kIn, kOut, kTaps, kAdjoint>
                   : window_conv<T, 1, kIn, kOut, kTaps, kAdjoint>,
           x, weight, bias, y, s);
  });
}

}  // namespace orchid::cuda
