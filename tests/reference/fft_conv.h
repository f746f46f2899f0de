#pragma once

#include "tests/reference/transform.h"

/// Gated long convolution and its gradients as direct sums, in double.
namespace orchid::reference {

struct FftConv {
  Kind kind = Kind::fft_ortho;
  std::size_t batch = 1, samples = 1, width = 1, length = 1;
  double scale = 1;
  bool zero_phase = false;  ///< h is (B, F, D), else (B, F, C)
  Array x{}, gate_in{}, h0{}, h{}, skip{}, gate_out{}, add{};

  struct Result {
    Array c, y;
  };
  struct Gradients {
    Array dx, dgate_in, dgate_out, dh0, dh, dskip;
  };

  std::size_t bins() const { return is_fourier(kind) ? length / 2 + 1 : length; }
  std::size_t parts() const { return is_fourier(kind) ? 2 : 1; }
  std::size_t own_parts() const { return zero_phase ? 1 : parts(); }

  /// Column d of sample b.
  Array column(const Array& values, std::size_t b, std::size_t d) const {
    Array result(samples);
    for (std::size_t t = 0; t < samples; ++t) result[t] = values[(b * samples + t) * width + d];
    return result;
  }

  /// h0 + h of channel d: real and imaginary parts of every bin in turn.
  Array kernel(std::size_t b, std::size_t d) const {
    Array sum(bins() * parts());
    for (std::size_t f = 0; f < bins(); ++f)
      for (std::size_t p = 0; p < parts(); ++p) {
        sum[f * parts() + p] = h0[(f * parts() + p) * width + d];
        if (p < own_parts())
          sum[f * parts() + p] += h[((b * bins() + f) * own_parts() + p) * width + d];
      }
    return sum;
  }

  /// Fourier: from bins to the taps of a circular convolution. Cosine: C.
  Matrix basis() const {
    if (!is_fourier(kind)) return forward_matrix(Kind::dct_ortho, length, length);
    Matrix m = inverse_matrix(Kind::fft, length, length);
    for (double& value : m.values) value /= static_cast<double>(length);
    return m;
  }

  /// Convolution of u, or its adjoint.
  Array convolve(const Matrix& m, const Array& spectrum, const Array& u, bool adjoint) const {
    Array y(samples);
    if (!is_fourier(kind)) {
      Array product = apply(m, u, 1, 1);
      for (std::size_t k = 0; k < length; ++k) product[k] *= scale * spectrum[k];
      return apply(transposed(m), product, 1, 1);
    }
    const Array taps = apply(m, spectrum, 1, 1);
    for (std::size_t t = 0; t < samples; ++t)
      for (std::size_t s = 0; s < samples; ++s)
        y[t] +=
            scale * u[s] * taps[adjoint ? (s + length - t) % length : (t + length - s) % length];
    return y;
  }

  /// Gradient of the spectrum of one channel.
  Array kernel_gradient(const Matrix& m, const Array& dc, const Array& u) const {
    if (!is_fourier(kind)) {
      Array gradient = apply(m, dc, 1, 1);
      const Array bins_of_u = apply(m, u, 1, 1);
      for (std::size_t k = 0; k < length; ++k) gradient[k] *= scale * bins_of_u[k];
      return gradient;
    }
    Array dtaps(length);
    for (std::size_t t = 0; t < samples; ++t)
      for (std::size_t s = 0; s < samples; ++s)
        dtaps[(t + length - s) % length] += scale * dc[t] * u[s];
    return apply(transposed(m), dtaps, 1, 1);
  }

  Result forward() const {
    const Matrix m = basis();
    Result result{Array(x.size()), Array(x.size())};
    for (std::size_t b = 0; b < batch; ++b)
      for (std::size_t d = 0; d < width; ++d) {
        Array u = column(x, b, d);
        const Array gate = column(gate_in, b, d);
        for (std::size_t t = 0; t < samples; ++t) u[t] *= gate[t];
        const Array sums = convolve(m, kernel(b, d), u, false);
        for (std::size_t t = 0; t < samples; ++t) {
          const std::size_t i = (b * samples + t) * width + d;
          result.c[i] = sums[t] + skip[d] * u[t];
          result.y[i] = gate_out[i] * result.c[i] + add[i];
        }
      }
    return result;
  }

  Gradients backward(const Array& dy) const {
    const Matrix m = basis();
    const Array c = forward().c;
    Gradients g{Array(x.size()),  Array(x.size()), Array(x.size()),
                Array(h0.size()), Array(h.size()), Array(width)};
    for (std::size_t b = 0; b < batch; ++b)
      for (std::size_t d = 0; d < width; ++d) {
        Array u = column(x, b, d), dc = column(dy, b, d);
        for (std::size_t t = 0; t < samples; ++t) {
          u[t] *= gate_in[(b * samples + t) * width + d];
          dc[t] *= gate_out[(b * samples + t) * width + d];
          g.dskip[d] += u[t] * dc[t];
        }
        const Array du = convolve(m, kernel(b, d), dc, true);
        for (std::size_t t = 0; t < samples; ++t) {
          const std::size_t i = (b * samples + t) * width + d;
          g.dx[i] = gate_in[i] * (du[t] + skip[d] * dc[t]);
          g.dgate_in[i] = x[i] * (du[t] + skip[d] * dc[t]);
          g.dgate_out[i] = dy[i] * c[i];
        }
        const Array dkernel = kernel_gradient(m, dc, u);
        for (std::size_t f = 0; f < bins(); ++f)
          for (std::size_t p = 0; p < parts(); ++p) {
            g.dh0[(f * parts() + p) * width + d] += dkernel[f * parts() + p];
            if (p < own_parts())
              g.dh[((b * bins() + f) * own_parts() + p) * width + d] = dkernel[f * parts() + p];
          }
      }
    return g;
  }
};

}  // namespace orchid::reference
