#pragma once

#include <vector>

namespace orchid::reference {

/// y_i = x_i / (1 - rate) where uniform_i in [0, 1) is at least `rate`, else 0.
inline std::vector<double> dropout(const std::vector<double>& x, const std::vector<double>& uniform,
                                   double rate) {
  std::vector<double> y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = uniform[i] >= rate ? x[i] / (1 - rate) : 0;
  return y;
}

/// y = add + x / (1 - rate) where the draw of its span is at least `rate`, else add.
inline std::vector<double> drop_path(const std::vector<double>& x, const std::vector<double>& add,
                                     const std::vector<double>& uniform, double rate) {
  std::vector<double> y(x.size());
  const std::size_t span = x.size() / uniform.size();
  for (std::size_t i = 0; i < x.size(); ++i)
    y[i] = add[i] + (uniform[i / span] >= rate ? x[i] / (1 - rate) : 0);
  return y;
}

}  // namespace orchid::reference
