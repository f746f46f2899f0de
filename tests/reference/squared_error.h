#pragma once

#include <vector>

namespace orchid::reference {

/// (x_i - targets_i)^2.
inline std::vector<double> squared_error(const std::vector<double>& x,
                                         const std::vector<double>& targets) {
  std::vector<double> loss;
  for (std::size_t i = 0; i < x.size(); ++i)
    loss.push_back((x[i] - targets[i]) * (x[i] - targets[i]));
  return loss;
}

}  // namespace orchid::reference
