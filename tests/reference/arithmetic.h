#pragma once

#include <vector>

namespace orchid::reference {

/// Columns [column, column + width) of a matrix of `wide` columns.
inline std::vector<double> copy_columns(const std::vector<double>& x, std::size_t wide,
                                        std::size_t column, std::size_t width) {
  std::vector<double> y;
  for (std::size_t row = 0; row < x.size() / wide; ++row)
    for (std::size_t c = 0; c < width; ++c) y.push_back(x[row * wide + column + c]);
  return y;
}

/// y[r, c] = mask[r] * x[r, c].
inline std::vector<double> mask_rows(const std::vector<double>& x,
                                     const std::vector<double>& mask) {
  std::vector<double> y(x.size());
  const std::size_t width = x.size() / mask.size();
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = mask[i / width] * x[i];
  return y;
}

}  // namespace orchid::reference
