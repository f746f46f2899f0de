#pragma once

#include "kernels/cuda/device/column_sums.cuh"

namespace orchid::cuda {

/// The elements of a matrix, for accumulate_columns.
template <class T>
struct MatrixColumns {
  const T* x;
  std::int64_t width;

  template <int V>
  __device__ void operator()(std::int64_t r, std::int64_t c, float (&out)[1][V]) const {
    load(x + r * width + c, out[0]);
  }
};

/// sums[c] += sum over rows of x[r, c], c < columns, rows `width` elements apart.
template <class T>
void add_column_sums_of(Context& ctx, const char* op, const T* x, std::int64_t rows,
                        std::int64_t columns, std::int64_t width, float* sums) {
  const bool vectors = vectorizable<float>(columns, x, sums) && width % 4 == 0;
  accumulate_columns<1>(ctx, op, MatrixColumns<T>{x, width}, rows, columns, {{sums}}, vectors);
}

}  // namespace orchid::cuda
