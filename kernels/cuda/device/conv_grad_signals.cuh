#pragma once

#include "kernels/cuda/device/column_sums.cuh"
#include "kernels/cuda/device/fft_conv.cuh"

namespace orchid::cuda {

/// (B, L, D) operands of one chunk of samples.
template <class T>
struct GradSignals {
  Input<T> x, gate_in, gate_out;
  Columns<const T> dy, c;
  Columns<T> dx, dgate_in, dgate_out;
  const float* skip;
  bool accumulate_dx;

  explicit GradSignals(const ops::FftConvGrad& op)
      : x(input_of<T>(op, op.x.tensor, op.x_column)),
        gate_in(input_of<T>(op, op.gate_in.tensor, op.gate_in_column)),
        gate_out(input_of<T>(op, op.gate_out.tensor, op.gate_out_column)),
        dy(columns_of<T>(op.dy.tensor)),
        c(columns_of<T>(op.c.tensor)),
        dx(mutable_columns_of<T>(op.dx.tensor, op.x_column)),
        dgate_in(mutable_columns_of<T>(op.dgate_in.tensor, op.gate_in_column)),
        dgate_out(mutable_columns_of<T>(op.dgate_out.tensor, op.gate_out_column)),
        skip(channel_values(op.skip)),
        accumulate_dx(op.accumulate_dx) {}

  GradSignals from(std::int64_t first, std::int64_t rows) const {
    GradSignals s = *this;
    for (Input<T>* one : {&s.x, &s.gate_in, &s.gate_out}) *one = one->from(first, rows);
    for (Columns<const T>* one : {&s.dy, &s.c}) *one = one->from(first, rows);
    for (Columns<T>* one : {&s.dx, &s.dgate_in, &s.dgate_out}) *one = one->from(first, rows);
    return s;
  }
  /// All channels can be accessed in packs of so many.
  bool lanes(int count, std::int64_t channels) const {
    return lanes_allowed<T>(count, channels,
                            {dy, x.columns, gate_in.columns, gate_out.columns, c, as_const(dx),
                             as_const(dgate_in), as_const(dgate_out)}) &&
           lanes_allowed<float>(count, channels, {{skip, channels}});
  }
};

template <class T, int V, bool kShort>
struct GradReaders {
  InputReader<T, V, kShort> x, gate_in, gate_out;

  __device__ GradReaders(const GradSignals<T>& o, std::int64_t d, bool inside)
      : x(o.x, d, inside && (o.skip || o.dgate_in)),
        gate_in(o.gate_in, d, inside),
        gate_out(o.gate_out, d, inside && o.skip) {}
};

/// What one thread has of a row.
template <class T, int V>
struct GradRow {
  float du[V] = {}, dc[V] = {}, x[V] = {}, gate[V] = {};

  /// All that reads, and du = convolved + skip * dc.
  template <bool kShort>
  __device__ void load(const GradSignals<T>& o, const GradReaders<T, V, kShort>& from,
                       std::int64_t r, std::int64_t row, const float (&skip)[V]) {
    if (o.skip) load_few<V>(o.dy.at(r, from.x.d), dc);
    if (o.skip && from.gate_out) from.gate_out.scale(r, row, dc);
    if (o.skip || o.dgate_in) from.x.load(r, row, x);
#pragma unroll
    for (int v = 0; v < V; ++v) gate[v] = 1;
    if (from.gate_in) from.gate_in.load(r, row, gate);
    if (!o.skip) return;
#pragma unroll
    for (int v = 0; v < V; ++v) du[v] += skip[v] * dc[v];
  }

  __device__ void store(const GradSignals<T>& o, std::int64_t r, std::int64_t d) const {
    float out[V], other[V];
    if (o.dgate_out) {
      load_few<V>(o.dy.at(r, d), out);
      load_few<V>(o.c.at(r, d), other);
#pragma unroll
      for (int v = 0; v < V; ++v) out[v] *= other[v];
      store_few<V>(o.dgate_out.at(r, d), out);
    }
    if (o.dgate_in) {
#pragma unroll
      for (int v = 0; v < V; ++v) out[v] = x[v] * du[v];
      store_few<V>(o.dgate_in.at(r, d), out);
    }
#pragma unroll
    for (int v = 0; v < V; ++v) out[v] = gate[v] * du[v];
    if (o.accumulate_dx) {
      load_few<V>(o.dx.at(r, d), other);
#pragma unroll
      for (int v = 0; v < V; ++v) out[v] += other[v];
    }
    store_few<V>(o.dx.at(r, d), out);
  }
};

/// Rows of partial sums, for accumulate_columns.
struct PartialRows {
  const float* rows;
  std::int64_t width;
  template <int V>
  __device__ void operator()(std::int64_t r, std::int64_t c, float (&out)[1][V]) const {
    load(rows + r * width + c, out[0]);
  }
};

}  // namespace orchid::cuda
