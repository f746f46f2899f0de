#pragma once

#include <initializer_list>

#include "kernels/cuda/device/transpose_tile.cuh"

namespace orchid::cuda {

/// D columns of a (B, L, width) operand of type T (const or not), from `data` on; without data when
/// it is left out.
template <class T>
struct Columns {
  T* data = nullptr;
  std::int64_t width = 0;

  /// From sample number `first` on, of L rows each.
  Columns from(std::int64_t first, std::int64_t rows) const {
    return {data ? data + first * rows * width : nullptr, width};
  }
  __host__ __device__ explicit operator bool() const { return data != nullptr; }
  __device__ T* at(std::int64_t row, std::int64_t channel) const {
    return data + row * width + channel;
  }
};

template <class T>
Columns<const T> as_const(const Columns<T>& columns) {
  return {columns.data, columns.width};
}
template <class T>
Columns<const T> columns_of(const Tensor* tensor, std::int64_t first = 0) {
  if (!tensor) return {};
  return {elements<T>(*tensor) + first, tensor->shape().last()};
}
template <class T>
Columns<T> mutable_columns_of(Tensor* tensor, std::int64_t first = 0) {
  if (!tensor) return {};
  return {elements<T>(*tensor) + first, tensor->shape().last()};
}

/// True if all channels can be accessed in packs of so many.
template <class T>
bool lanes_allowed(int lanes, std::int64_t channels, std::initializer_list<Columns<const T>> all) {
  if (channels % lanes != 0) return false;
  for (const Columns<const T>& one : all) {
    const auto address = reinterpret_cast<std::uintptr_t>(one.data);
    if (one.width % lanes != 0 || address % (static_cast<unsigned>(lanes) * sizeof(T)) != 0)
      return false;
  }
  return true;
}
template <class T>
bool pairs_allowed(std::int64_t channels, std::initializer_list<Columns<const T>> all) {
  return lanes_allowed<T>(2, channels, all);
}

/// An operand that is read, and what of it: its elements, or those of a causal depthwise
/// convolution of its rows with up to kMostShortTaps taps.
inline constexpr int kMostShortTaps = 4;

template <class T>
struct Input {
  Columns<const T> columns;
  const float* weight = nullptr;  ///< (columns, taps); null: the elements
  const float* bias = nullptr;    ///< null: none
  int taps = 0;

  Input(const Columns<const T>& c = {}) : columns(c) {}  // NOLINT: conversion is the point
  Input from(std::int64_t first, std::int64_t rows) const {
    Input input = *this;
    input.columns = columns.from(first, rows);
    return input;
  }
  __host__ __device__ explicit operator bool() const { return static_cast<bool>(columns); }
};

/// What a thread needs to read channels d to d + V of any row. Of an operand that is left out, or
/// where not `inside`, nothing may be read. Without kShort no weights are looked for.
template <class T, int V, bool kShort>
struct InputReader {
  Columns<const T> columns;
  std::int64_t d;
  int taps = 1;
  float weight[kMostShortTaps][V] = {}, bias[V] = {};  ///< weight[i]: of the element i rows before

  __device__ InputReader(const Input<T>& input, std::int64_t channel, bool inside)
      : columns(input.columns), d(channel) {
    if constexpr (kShort) read_weights(input, inside);
  }

  __device__ void read_weights(const Input<T>& input, bool inside) {
#pragma unroll
    for (int v = 0; v < V; ++v) weight[0][v] = 1;
    if (!input.weight || !inside) return;
    taps = input.taps;
#pragma unroll
    for (int v = 0; v < V; ++v) {
      if (input.bias) bias[v] = input.bias[d + v];
#pragma unroll
      for (int i = 0; i < kMostShortTaps; ++i)
        if (i < taps) weight[i][v] = input.weight[(d + v) * taps + taps - 1 - i];
    }
  }

  /// Of row r of all, which is number `row` of its sample.
  __device__ void load(std::int64_t r, std::int64_t row, float (&to)[V]) const {
    if constexpr (!kShort) {
      load_few<V>(columns.at(r, d), to);
    } else {
#pragma unroll
      for (int v = 0; v < V; ++v) to[v] = bias[v];
#pragma unroll
      for (int i = 0; i < kMostShortTaps; ++i) {
        if (i >= taps || i > row) break;
        float values[V];
        load_few<V>(columns.at(r - i, d), values);
#pragma unroll
        for (int v = 0; v < V; ++v) to[v] += weight[i][v] * values[v];
      }
    }
  }

  /// Multiplies by it.
  __device__ void scale(std::int64_t r, std::int64_t row, float (&values)[V]) const {
    float factors[V];
    load(r, row, factors);
#pragma unroll
    for (int v = 0; v < V; ++v) values[v] *= factors[v];
  }
  __device__ explicit operator bool() const {
    return static_cast<bool>(columns);
  }
};

}  // namespace orchid::cuda
