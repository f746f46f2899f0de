#pragma once

#include "kernels/cuda/device/conv_norm_input.cuh"

namespace orchid::cuda {

/// Rows of a layer are computed in packs of V groups, all of their kOut outputs each, with kTaps
/// taps. kTaps 0: any number, and a pack is one output of a group (V = kOut = 1, whatever `out`
/// is).
template <int kGroups, int kOutputs, int kTapCount>
struct PackOf {
  static constexpr int V = kGroups, kOut = kOutputs, kTaps = kTapCount;
  static constexpr int kSize = V * kOut;
};

template <class Rows>
struct Layer {
  Rows source;
  const float *weight, *bias;  ///< bias null: none
  int length, groups, out, taps;
  bool planar;  ///< of y

  __host__ __device__ int outputs() const { return groups * out; }
  __device__ int left() const { return (taps - 1) / 2; }
  /// Groups of s that outputs from `co` on, one pack, belong to: the first of them.
  template <class Pack>
  __device__ int group_of(int co) const {
    return Pack::kTaps ? co / Pack::kOut : co / out;
  }
  /// The row that tap j of `row` reads lies in its sample.
  __device__ bool inside(int position, int j) const {
    const int p = position - left() + j;
    return p >= 0 && p < length;
  }

  /// s as tap j of `row` reads it.
  template <int V>
  __device__ void read_tap(std::int64_t row, int position, int group, int j, float (&s)[V]) const {
    if (inside(position, j)) {
      source.read(row - left() + j, group, s);
    } else {
#pragma unroll
      for (int v = 0; v < V; ++v) s[v] = 0;
    }
  }

  /// u of outputs from `co` on, one pack; `position` is row % length.
  template <class Pack>
  __device__ void convolve(std::int64_t row, int position, int co, float (&u)[Pack::kSize]) const {
    constexpr int V = Pack::V, kOut = Pack::kOut, kTaps = Pack::kTaps;
    const int group = group_of<Pack>(co);
    float s[V];
    if (bias) {
      load_pack(bias + co, u);
    } else {
#pragma unroll
      for (int i = 0; i < Pack::kSize; ++i) u[i] = 0;
    }
    if constexpr (kTaps == 0) {
      for (int j = 0; j < taps; ++j) {
        read_tap(row, position, group, j, s);
        u[0] += weight[std::int64_t{co} * taps + j] * s[0];
      }
    } else {
      float w[Pack::kSize * kTaps];
      load_pack(weight + std::int64_t{co} * kTaps, w);
#pragma unroll
      for (int j = 0; j < kTaps; ++j) {
        read_tap(row, position, group, j, s);
#pragma unroll
        for (int i = 0; i < Pack::kSize; ++i) u[i] += w[i * kTaps + j] * s[i / kOut];
      }
    }
  }

  /// y or dy of a pack.
  template <class Pack>
  __device__ void load_outputs(const float* rows, std::int64_t row, int co,
                               float (&to)[Pack::kSize]) const {
    const float* const from = rows + row * outputs();
    if (!planar) return load_pack(from + co, to);
    if constexpr (Pack::kTaps == 0) {
      to[0] = from[co % 2 * groups + co / 2];
    } else if constexpr (Pack::kOut == 2) {
      float part[Pack::V];
#pragma unroll
      for (int o = 0; o < 2; ++o) {
        load_pack(from + o * groups + co / 2, part);
#pragma unroll
        for (int v = 0; v < Pack::V; ++v) to[2 * v + o] = part[v];
      }
    }
  }
  template <class Pack>
  __device__ void store_outputs(float* rows, std::int64_t row, int co,
                                const float (&values)[Pack::kSize]) const {
    float* const to = rows + row * outputs();
    if (!planar) return store_pack(to + co, values);
    if constexpr (Pack::kTaps == 0) {
      to[co % 2 * groups + co / 2] = values[0];
    } else if constexpr (Pack::kOut == 2) {
      float part[Pack::V];
#pragma unroll
      for (int o = 0; o < 2; ++o) {
#pragma unroll
        for (int v = 0; v < Pack::V; ++v) part[v] = values[2 * v + o];
        store_pack(to + o * groups + co / 2, part);
      }
    }
  }
};

}  // namespace orchid::cuda
