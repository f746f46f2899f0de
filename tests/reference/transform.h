#pragma once

#include <cmath>
#include <cstddef>
#include <numbers>
#include <vector>

/// Transforms as explicit real matrices, in double.
namespace orchid::reference {

using Array = std::vector<double>;

enum class Kind { fft, fft_ortho, dct, dct_ortho };

struct Matrix {
  std::size_t rows = 0, columns = 0;
  Array values{};

  Matrix(std::size_t r, std::size_t c) : rows(r), columns(c), values(r * c) {}
  double& operator()(std::size_t r, std::size_t c) { return values[r * columns + c]; }
  double operator()(std::size_t r, std::size_t c) const { return values[r * columns + c]; }
};

inline bool is_fourier(Kind kind) {
  return kind == Kind::fft || kind == Kind::fft_ortho;
}

/// cos(2 pi numerator / denominator), reduced first.
inline double cos_turn(std::size_t numerator, std::size_t denominator) {
  return std::cos(2 * std::numbers::pi * static_cast<double>(numerator % denominator) /
                  static_cast<double>(denominator));
}
inline double sin_turn(std::size_t numerator, std::size_t denominator) {
  return std::sin(2 * std::numbers::pi * static_cast<double>(numerator % denominator) /
                  static_cast<double>(denominator));
}

/// Rows 2f and 2f + 1 are the real and imaginary part of bin f (Fourier), row k is bin k (cosine);
/// columns are the first `samples` of `length` samples.
inline Matrix forward_matrix(Kind kind, std::size_t samples, std::size_t length) {
  const auto size = static_cast<double>(length);
  if (is_fourier(kind)) {
    const double factor = kind == Kind::fft ? 1 / size : 1 / std::sqrt(size);
    Matrix m(2 * (length / 2 + 1), samples);
    for (std::size_t f = 0; f <= length / 2; ++f)
      for (std::size_t n = 0; n < samples; ++n) {
        m(2 * f, n) = factor * cos_turn(f * n, length);
        m(2 * f + 1, n) = -factor * sin_turn(f * n, length);
      }
    return m;
  }
  Matrix m(length, samples);
  for (std::size_t k = 0; k < length; ++k) {
    const double factor = kind == Kind::dct ? 2 : std::sqrt((k == 0 ? 1 : 2) / size);
    for (std::size_t n = 0; n < samples; ++n)
      m(k, n) = factor * cos_turn(k * (2 * n + 1), 4 * length);
  }
  return m;
}

/// From bins, ordered as above, to samples. Fourier: the bins not kept are conjugates of those that
/// are; the imaginary parts of bins 0 and N/2 do not count.
inline Matrix inverse_matrix(Kind kind, std::size_t samples, std::size_t length) {
  const auto size = static_cast<double>(length);
  if (is_fourier(kind)) {
    const double factor = kind == Kind::fft ? 1 : 1 / std::sqrt(size);
    Matrix m(samples, 2 * (length / 2 + 1));
    for (std::size_t n = 0; n < samples; ++n)
      for (std::size_t f = 0; f <= length / 2; ++f) {
        const bool edge = f == 0 || 2 * f == length;
        m(n, 2 * f) = (edge ? 1 : 2) * factor * cos_turn(f * n, length);
        m(n, 2 * f + 1) = edge ? 0 : -2 * factor * sin_turn(f * n, length);
      }
    return m;
  }
  Matrix m(samples, length);
  for (std::size_t n = 0; n < samples; ++n)
    for (std::size_t k = 0; k < length; ++k) {
      const double factor =
          kind == Kind::dct ? (k == 0 ? 1 : 2) / (2 * size) : std::sqrt((k == 0 ? 1 : 2) / size);
      m(n, k) = factor * cos_turn(k * (2 * n + 1), 4 * length);
    }
  return m;
}

inline Matrix transposed(const Matrix& m) {
  Matrix t(m.columns, m.rows);
  for (std::size_t r = 0; r < m.rows; ++r)
    for (std::size_t c = 0; c < m.columns; ++c) t(c, r) = m(r, c);
  return t;
}

/// m applied along the middle axis of x (batch, m.columns, width). A planar spectrum
/// (B, F, [Re (D) | Im (D)]) is (B, 2F, D) with rows 2f and 2f + 1.
inline Array apply(const Matrix& m, const Array& x, std::size_t batch, std::size_t width) {
  Array y(batch * m.rows * width);
  for (std::size_t b = 0; b < batch; ++b)
    for (std::size_t r = 0; r < m.rows; ++r)
      for (std::size_t c = 0; c < m.columns; ++c)
        for (std::size_t d = 0; d < width; ++d)
          y[(b * m.rows + r) * width + d] += m(r, c) * x[(b * m.columns + c) * width + d];
  return y;
}

}  // namespace orchid::reference
