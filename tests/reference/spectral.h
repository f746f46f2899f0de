#pragma once

#include <cmath>
#include <complex>
#include <vector>

namespace orchid::reference {

using Spectrum = std::vector<std::complex<double>>;  // (rows, D)

/// Rows of D complex channels out of rows of 2D reals: channel c = row[c] + i row[D + c].
inline Spectrum from_planar(const std::vector<double>& values, std::size_t D) {
  Spectrum z(values.size() / 2);
  for (std::size_t i = 0; i < z.size(); ++i) {
    const std::size_t re = i / D * 2 * D + i % D;
    z[i] = {values[re], values[re + D]};
  }
  return z;
}
/// channel c = row[2c] + i row[2c + 1].
inline Spectrum from_interleaved(const std::vector<double>& values) {
  Spectrum z(values.size() / 2);
  for (std::size_t i = 0; i < z.size(); ++i) z[i] = {values[2 * i], values[2 * i + 1]};
  return z;
}
inline std::vector<double> to_planar(const Spectrum& z, std::size_t D) {
  std::vector<double> values(2 * z.size());
  for (std::size_t i = 0; i < z.size(); ++i) {
    const std::size_t re = i / D * 2 * D + i % D;
    values[re] = z[i].real();
    values[re + D] = z[i].imag();
  }
  return values;
}

/// |z|^2 of complex channels (planar), |z| of real ones.
inline std::vector<double> power(const std::vector<double>& z, std::size_t D, bool complex) {
  std::vector<double> s;
  if (complex) {
    for (const auto& value : from_planar(z, D)) s.push_back(std::norm(value));
  } else {
    for (const double value : z) s.push_back(std::fabs(value));
  }
  return s;
}

/// conj(k) q, planar; k q of real channels.
inline std::vector<double> conjugate_product(const std::vector<double>& k,
                                             const std::vector<double>& q, std::size_t D,
                                             bool complex) {
  if (!complex) {
    std::vector<double> y(k);
    for (std::size_t i = 0; i < y.size(); ++i) y[i] *= q[i];
    return y;
  }
  const Spectrum a = from_planar(k, D), b = from_planar(q, D);
  Spectrum y;
  for (std::size_t i = 0; i < a.size(); ++i) y.push_back(std::conj(a[i]) * b[i]);
  return to_planar(y, D);
}

/// Channels d * filters + o of rows of D * filters channels.
template <class Value>
std::vector<Value> every_filter(const std::vector<Value>& z, std::size_t filters, std::size_t o) {
  std::vector<Value> h;
  for (std::size_t i = o; i < z.size(); i += filters) h.push_back(z[i]);
  return h;
}

inline std::vector<double> select_filter(const std::vector<double>& z, std::size_t D, bool complex,
                                         bool interleaved, std::size_t filters, std::size_t o) {
  if (!complex) return every_filter(z, filters, o);
  const Spectrum all = interleaved ? from_interleaved(z) : from_planar(z, D * filters);
  return to_planar(every_filter(all, filters, o), D);
}

}  // namespace orchid::reference
