#pragma once

#include <cmath>
#include <vector>

namespace orchid::reference {

/// One parameter under AdamW, step by step.
struct AdamW {
  double rate, decay, beta1, beta2, epsilon;
  double m = 0, v = 0;
  int t = 0;

  double step(double value, double g) {
    ++t;
    value -= decay * value;
    m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * g * g;
    const double m_hat = m / (1 - std::pow(beta1, t)), v_hat = v / (1 - std::pow(beta2, t));
    return value - rate * m_hat / (std::sqrt(v_hat) + epsilon);
  }
};

}  // namespace orchid::reference
