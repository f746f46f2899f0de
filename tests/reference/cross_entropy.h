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

/// What the softmax of each row is held against: (1 - smoothing) (share of the target, the rest of
/// the partner) + smoothing / V.
struct ClassMixture {
  std::vector<int> targets, partners;
  std::vector<double> shares;
  double smoothing = 0;

  double probability(std::size_t row, std::size_t v, std::size_t width) const {
    const bool is_target = targets[row] == static_cast<int>(v);
    const bool is_partner = partners[row] == static_cast<int>(v);
    const double q = (is_target ? shares[row] : 0) + (is_partner ? 1 - shares[row] : 0);
    return (1 - smoothing) * q + smoothing / static_cast<double>(width);
  }

  /// Per row: - sum_v q_v log softmax(logits)_v.
  std::vector<double> operator()(const std::vector<double>& logits) const {
    const std::size_t width = logits.size() / targets.size();
    const std::vector<double> of_targets = cross_entropy(logits, targets);
    std::vector<double> loss(targets.size());
    for (std::size_t row = 0; row < targets.size(); ++row) {
      const double* const x = logits.data() + row * width;
      for (std::size_t v = 0; v < width; ++v) {
        const double of_class = of_targets[row] + x[targets[row]] - x[v];
        loss[row] += probability(row, v, width) * of_class;
      }
    }
    return loss;
  }
};

}  // namespace orchid::reference
