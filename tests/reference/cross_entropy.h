#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

namespace orchid::reference {

/// Per row of V logits: log sum_v exp(logits_v) - logits_target.
inline std::vector<double> cross_entropy(const std::vector<double>& logits,
                                         const std::vector<int>& targets) {
  std::vector<double> loss;
  const std::size_t width = logits.size() / targets.size();
  for (std::size_t row = 0; row < targets.size(); ++row) {
    const double* const x = logits.data() + row * width;
    const double largest = *std::max_element(x, x + width);
    double sum = 0;
    for (std::size_t v = 0; v < width; ++v) sum += std::exp(x[v] - largest);
    loss.push_back(std::log(sum) + largest - x[targets[row]]);
  }
  return loss;
}

}  // namespace orchid::reference
