#pragma once

#include "kernels/cuda/device/fft_conv.cuh"

namespace orchid::cuda {

/// (B, L, D) operands of one chunk of samples.
template <class T>
struct Signals {
  Input<T> x, gate_in, gate_out;
  Columns<const T> add;
  Columns<T> c, y;
  const float* skip;

  explicit Signals(const ops::FftConv& op)
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
  /// All channels can be accessed in packs of so many.
  bool lanes(int count, std::int64_t channels) const {
    return lanes_allowed<T>(
               count, channels,
               {x.columns, gate_in.columns, gate_out.columns, add, as_const(c), as_const(y)}) &&
           lanes_allowed<float>(count, channels, {{skip, channels}});
  }
};

/// Everything after the inverse transform of V channels from d on: skip, c, gate_out, add, y.
template <class T, int V, bool kShort>
struct ConvFinish {
  const Signals<T>& o;
  InputReader<T, V, kShort> x, gate_in, gate_out;
  float skip[V] = {};

  __device__ ConvFinish(const Signals<T>& signals, std::int64_t d, bool inside)
      : o(signals),
        x(o.x, d, inside && o.skip),
        gate_in(o.gate_in, d, inside && o.skip),
        gate_out(o.gate_out, d, inside) {
    if (o.skip && inside) load_few<V>(o.skip + d, skip);
  }

  /// Of row r of all, number `row` of its sample, with `values` out of the transform.
  __device__ void operator()(std::int64_t r, std::int64_t row, float (&values)[V]) const {
    const std::int64_t d = x.d;
    float other[V];
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
};

}  // namespace orchid::cuda
