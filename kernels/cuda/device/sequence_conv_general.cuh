#pragma once

#include "kernels/cuda/device/sequence_rows.cuh"

namespace orchid::cuda {

/// Index of the position that lies at `s`, which may be outside [0, length); -1: zeros.
inline __device__ int row_at(int s, int length, ops::Padding padding) {
  if (s >= 0 && s < length) return s;
  if (padding == ops::Padding::reflect) return s < 0 ? -s : 2 * (length - 1) - s;
  if (padding == ops::Padding::replicate) return s < 0 ? 0 : length - 1;
  if (padding == ops::Padding::zeros) return -1;
  while (s < 0) s += length;  // round a few times at most
  while (s >= length) s -= length;
  return s;
}

/// Calls body(q) for the positions q outside of y that belong to position s of it.
template <class Body>
__device__ void for_each_folded(const ConvShape& shape, int s, const Body& body) {
  if (shape.folded == ops::Padding::zeros) return;
  if (s >= shape.taps && s < shape.length - shape.taps) return;  // too far from the ends
  const int before = shape.taps - 1 - shape.left;
#pragma unroll 1
  for (int t = 0; t < shape.taps - 1; ++t) {
    const int q = t < before ? t - before : shape.length + t - before;
    if (row_at(q, shape.length, shape.folded) == s) body(q);
  }
}

/// packed[(j * in + i) * outputs + co] of either direction, so that neighbouring threads read
/// neighbouring weights. `s` is that of the direction that reads them.
template <bool kAdjoint>
__global__ void __launch_bounds__(256)
    pack_weight(const float* weight, float* packed, ConvShape s) {
  const std::int64_t outputs = s.outputs(), n = outputs * s.in * s.taps;
  for (std::int64_t at = grid_thread(); at < n; at += grid_threads()) {
    const std::int64_t co = at % outputs, g = co / s.out, o = co % s.out;
    const std::int64_t i = at / outputs % s.in, j = at / outputs / s.in;
    packed[at] = kAdjoint ? weight[((g * s.in + i) * s.out + o) * s.taps + (s.taps - 1 - j)]
                          : weight[(co * s.in + i) * s.taps + j];
  }
}

/// Any number of channels and taps: one thread computes one channel of one position.
template <class T>
__global__ void __launch_bounds__(kWarp* kRunRows, 1)
    general_conv(const T* __restrict__ x, const float* __restrict__ packed,
                 const float* __restrict__ bias, T* __restrict__ y, ConvShape s) {
  const int outputs = s.outputs();
  const int co = static_cast<int>(blockIdx.x * kWarp + threadIdx.x);
  if (co >= outputs) return;
  const T* const group = x + std::int64_t{co / s.out} * s.in;
  for (int b = static_cast<int>(blockIdx.z); b < s.batch; b += static_cast<int>(gridDim.z))
    for (int p = static_cast<int>(blockIdx.y * kRunRows + threadIdx.y); p < s.length;
         p += static_cast<int>(gridDim.y) * kRunRows) {
      float sum = bias ? bias[co] : 0;
      const auto add_taps = [&](int first) {
        const float* w = packed + co;
        for (int j = 0; j < s.taps; ++j, w += std::int64_t{s.in} * outputs) {
          const int row = row_at(first + j, s.length, s.padding);
          if (row < 0) continue;
          const T* const channels = group + b * s.x_sample() + std::int64_t{row} * s.x_stride;
          for (int i = 0; i < s.in; ++i)
            sum += to_float(channels[i]) * w[std::int64_t{i} * outputs];
        }
      };
      add_taps(p - s.left);
      for_each_folded(s, p, [&](int q) { add_taps(q - s.left); });
      y[b * s.y_sample() + std::int64_t{p} * outputs + co] = from_float<T>(sum);
    }
}

/// Either direction.
template <class T, bool kAdjoint>
void run_general_conv(Context& ctx, const char* name, const T* x, const float* weight,
                      const float* bias, T* y, const ConvShape& s) {
  const std::int64_t n = std::int64_t{s.outputs()} * s.in * s.taps;
  Tensor packed = ctx.empty({n}, DType::f32);
  const cudaStream_t stream = stream_of(ctx);
  launch({.grid = blocks_for(n, 256), .block = 256, .stream = stream, .name = name},
         pack_weight<kAdjoint>, weight, elements<float>(packed), s);
  launch({.grid = conv_grid(s, s.outputs(), s.length),
          .block = dim3(kWarp, kRunRows),
          .stream = stream,
          .name = name},
         general_conv<T>, x, elements<float>(packed), bias, y, s);
}

}  // namespace orchid::cuda
