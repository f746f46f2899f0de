#pragma once

#include <vector>

namespace orchid::reference {

/// y[b, l] = tokens[ids[b, l]] + positions[l] + types[segments[b, l]], rows of `width`.
struct Embedding {
  std::size_t length, width;
  std::vector<int> ids, segments;

  std::vector<double> operator()(const std::vector<double>& tokens,
                                 const std::vector<double>& positions,
                                 const std::vector<double>& types) const {
    std::vector<double> y(ids.size() * width);
    for (std::size_t i = 0; i < y.size(); ++i) {
      const std::size_t at = i / width, c = i % width;
      y[i] = tokens[static_cast<std::size_t>(ids[at]) * width + c];
      if (!positions.empty()) y[i] += positions[at % length * width + c];
      const auto segment = segments.empty() ? 0 : static_cast<std::size_t>(segments[at]);
      if (!types.empty()) y[i] += types[segment * width + c];
    }
    return y;
  }
};

/// y[m] = x[rows[m]], rows of `width`.
inline std::vector<double> gather_rows(const std::vector<double>& x, const std::vector<int>& rows,
                                       std::size_t width) {
  std::vector<double> y;
  for (const int row : rows)
    for (std::size_t c = 0; c < width; ++c)
      y.push_back(x[static_cast<std::size_t>(row) * width + c]);
  return y;
}

}  // namespace orchid::reference
