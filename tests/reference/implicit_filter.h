#pragma once

#include <cmath>
#include <vector>

namespace orchid::reference {

/// y[r, c] = sin(scale * frequency[c] * x[r, c]).
inline std::vector<double> sine(const std::vector<double>& x, const std::vector<double>& frequency,
                                double scale) {
  std::vector<double> y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    y[i] = std::sin(scale * frequency[i % frequency.size()] * x[i]);
  return y;
}

struct DecayWindow {
  std::size_t filters;
  double shift;
  bool window, normalized;
};

/// k[o, l, d] = v[l, c] / norm_l, v[l, c] = e[l, c] (exp(-t_l |delta_c|) + shift), c = d filters +
/// o.
inline std::vector<double> decay_window(const DecayWindow& n, const std::vector<double>& e,
                                        const std::vector<double>& t,
                                        const std::vector<double>& delta) {
  const std::size_t C = delta.size(), D = C / n.filters, L = e.size() / C;
  std::vector<double> k(e.size());
  for (std::size_t l = 0; l < L; ++l) {
    double norm = 0;
    std::vector<double> v(C);
    for (std::size_t c = 0; c < C; ++c) {
      const double factor = std::exp(-t[l] * std::fabs(delta[c])) + n.shift;
      v[c] = e[l * C + c] * (n.window ? factor : 1.0);
      norm += std::fabs(v[c]);
    }
    for (std::size_t d = 0; d < D; ++d)
      for (std::size_t o = 0; o < n.filters; ++o)
        k[(o * L + l) * D + d] = v[d * n.filters + o] / (n.normalized ? norm : 1.0);
  }
  return k;
}

}  // namespace orchid::reference
