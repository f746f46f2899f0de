#pragma once

#include <cstdint>

#include "kernels/core/context.h"

namespace orchid::cpu {

/// A row-major matrix, possibly columns of a wider one: element (i, j) is data[i * stride + j].
template <class T>
struct MatrixView {
  T* data;
  std::int64_t stride;
};

/// What a product computes: op(a) is (m, k), op(b) is (k, n), op = transpose where asked.
struct ProductShape {
  std::int64_t m;
  std::int64_t n;
  std::int64_t k;
  bool transpose_a = false;
  bool transpose_b = false;
};

/// What happens to the old content of c.
enum class Update { overwrite, accumulate };

/// c = op(a) op(b) + bias, or c += op(a) op(b) + bias; `bias` has n elements, or is null.
/// The threads share c in tiles; float products run in oneDNN, one thread a tile.
void gemm(const Context&, const ProductShape&, MatrixView<const float> a, MatrixView<const float> b,
          const float* bias, MatrixView<float> c, Update);
/// For tests: a plain loop.
void gemm(const Context&, const ProductShape&, MatrixView<const double> a,
          MatrixView<const double> b, const double* bias, MatrixView<double> c, Update);

}  // namespace orchid::cpu
