#pragma once

#include <vector>

namespace orchid::reference {

/// The mean over positions (B, L, D) -> (B, D), and its adjoint. `mask` (B, L) is 0 or 1.
struct MeanPool {
  std::size_t length, width;
  std::vector<double> mask;

  std::vector<double> operator()(const std::vector<double>& x) const {
    const std::size_t samples = mask.size() / length;
    std::vector<double> y(samples * width);
    for (std::size_t b = 0; b < samples; ++b)
      for (std::size_t c = 0; c < width; ++c) {
        double sum = 0;
        for (std::size_t at = b * length; at < (b + 1) * length; ++at)
          sum += mask[at] * x[at * width + c];
        y[b * width + c] = count(b) > 0 ? sum / count(b) : 0;
      }
    return y;
  }

  std::vector<double> gradient(const std::vector<double>& dy) const {
    std::vector<double> dx(mask.size() * width);
    for (std::size_t i = 0; i < dx.size(); ++i) {
      const std::size_t at = i / width, b = at / length;
      if (mask[at] > 0) dx[i] = dy[b * width + i % width] / count(b);
    }
    return dx;
  }

  double count(std::size_t b) const {
    double kept = 0;
    for (std::size_t at = b * length; at < (b + 1) * length; ++at) kept += mask[at];
    return kept;
  }
};

}  // namespace orchid::reference
