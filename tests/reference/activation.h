#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace orchid::reference {

/// The scalar function `kind` of x.
inline double activation(const std::string& kind, double parameter, double x) {
  const auto sigmoid = [](double z) { return 1 / (1 + std::exp(-z)); };
  if (kind == "gelu") return x * std::erfc(-x / std::sqrt(2.0)) / 2;
  if (kind == "relu") return std::max(x, 0.0);
  if (kind == "tanh") return std::tanh(x);
  if (kind == "silu") return x * sigmoid(x);
  if (kind == "sigmoid") return sigmoid(x);
  if (kind == "softplus") return x > 30 ? x + std::exp(-x) : std::log1p(std::exp(x));
  if (kind == "rational") return x / (x + 1);
  if (kind == "softshrink") return std::copysign(std::max(std::abs(x) - parameter, 0.0), x);
  if (kind == "shifted_sigmoid") return sigmoid(x - parameter);
  return x;
}

inline std::vector<double> activation(const std::string& kind, double parameter,
                                      const std::vector<double>& x) {
  std::vector<double> y;
  for (const double value : x) y.push_back(activation(kind, parameter, value));
  return y;
}

/// y = gelu(x[:, :I]) * x[:, I:].
inline std::vector<double> gated_gelu(const std::vector<double>& x, std::size_t inner) {
  std::vector<double> y;
  for (std::size_t row = 0; row < x.size() / (2 * inner); ++row)
    for (std::size_t c = 0; c < inner; ++c)
      y.push_back(activation("gelu", 0, x[2 * row * inner + c]) * x[(2 * row + 1) * inner + c]);
  return y;
}

/// f(|z|) z / max(|z|, 1e-6), z planar with `width` complex channels, or real where width is 0.
inline std::vector<double> magnitude_activation(const std::string& kind, double parameter,
                                                const std::vector<double>& z, std::size_t width) {
  std::vector<double> y(z.size());
  for (std::size_t i = 0; i < z.size(); ++i) {
    double m = std::abs(z[i]);
    if (width > 0) {
      const std::size_t other = i % (2 * width) < width ? i + width : i - width;
      m = std::hypot(z[i], z[other]);
    }
    y[i] = activation(kind, parameter, m) * z[i] / std::max(m, 1e-6);
  }
  return y;
}

}  // namespace orchid::reference
