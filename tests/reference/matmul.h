#pragma once

#include <vector>

namespace orchid::reference {

/// c (m, n) = op(a) op(b), op = transpose where asked.
struct Product {
  std::size_t m, n, k;
  bool transpose_a = false, transpose_b = false;

  std::vector<double> operator()(const std::vector<double>& a, const std::vector<double>& b) const {
    std::vector<double> c(m * n);
    for (std::size_t i = 0; i < m; ++i)
      for (std::size_t j = 0; j < n; ++j)
        for (std::size_t l = 0; l < k; ++l)
          c[i * n + j] +=
              a[transpose_a ? l * m + i : i * k + l] * b[transpose_b ? j * k + l : l * n + j];
    return c;
  }
};

/// y[r, j q + o] = bias[j q + o] + sum_i weight[j, o, i] x[r, j p + i].
struct BlockDiagonal {
  std::size_t rows, blocks, q, p;

  std::vector<double> operator()(const std::vector<double>& x, const std::vector<double>& weight,
                                 const std::vector<double>& bias) const {
    std::vector<double> y(rows * blocks * q);
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t j = 0; j < blocks; ++j)
        for (std::size_t o = 0; o < q; ++o) {
          double sum = bias[j * q + o];
          for (std::size_t i = 0; i < p; ++i)
            sum += weight[(j * q + o) * p + i] * x[(r * blocks + j) * p + i];
          y[(r * blocks + j) * q + o] = sum;
        }
    return y;
  }
};

}  // namespace orchid::reference
