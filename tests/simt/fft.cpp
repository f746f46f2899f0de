// Stands in for cuFFT: the transforms of kernels/cuda/runtime/fft.h by their definition, in double.

#include "kernels/cuda/runtime/fft.h"

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "kernels/core/error.h"
#include "kernels/cuda/runtime/check.h"
#include "kernels/cuda/runtime/memory.h"
#include "tests/simt/checker.h"
#include "tests/simt/launch.h"

namespace orchid::cuda {
namespace {

struct Complex {
  double re = 0, im = 0;
};

void add_product(Complex& sum, Complex a, Complex b) {
  sum.re += a.re * b.re - a.im * b.im;
  sum.im += a.re * b.im + a.im * b.re;
}

std::size_t smallest_factor(std::size_t n) {
  for (std::size_t factor = 2; factor * factor <= n; ++factor)
    if (n % factor == 0) return factor;
  return n;
}

/// Sums with exp(sign 2 pi i j k / N), split by the smallest factor of the length.
class Dft {
 public:
  Dft(std::size_t length, int sign) : length_(length), roots_(length) {
    for (std::size_t k = 0; k < length; ++k) {
      const double angle =
          sign * 2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(length);
      roots_[k] = {std::cos(angle), std::sin(angle)};
    }
  }

  std::vector<Complex> operator()(const std::vector<Complex>& in) const {
    std::vector<Complex> out(length_);
    transform(in.data(), 1, out.data(), length_);
    return out;
  }

 private:
  /// Of every `step`-th element: n of them, n * step = length.
  void transform(const Complex* in, std::size_t step, Complex* out, std::size_t n) const {
    if (n == 1) return void(*out = *in);
    const std::size_t parts = smallest_factor(n), part = n / parts;
    for (std::size_t r = 0; r < parts; ++r)
      transform(in + r * step, step * parts, out + r * part, part);
    std::vector<Complex> bins(parts);
    for (std::size_t k = 0; k < part; ++k) {
      for (std::size_t r = 0; r < parts; ++r) bins[r] = out[r * part + k];
      for (std::size_t q = 0; q < parts; ++q) {
        Complex& sum = out[q * part + k] = {};
        for (std::size_t r = 0; r < parts; ++r)
          add_product(sum, bins[r], roots_[r * (q * part + k) % n * step]);
      }
    }
  }

  std::size_t length_;
  std::vector<Complex> roots_;
};

void forward(const float* x, float2* spectrum, std::size_t length, std::size_t batch) {
  const Dft dft(length, -1);
  const std::size_t bins = length / 2 + 1;
  std::vector<Complex> row(length);
  for (std::size_t b = 0; b < batch; ++b) {
    for (std::size_t n = 0; n < length; ++n) row[n] = {x[b * length + n], 0};
    const std::vector<Complex> out = dft(row);
    for (std::size_t f = 0; f < bins; ++f)
      spectrum[b * bins + f] = {static_cast<float>(out[f].re), static_cast<float>(out[f].im)};
    spectrum[b * bins].y = 0;
    if (length % 2 == 0) spectrum[b * bins + bins - 1].y = 0;
  }
}

void inverse(float2* spectrum, float* x, std::size_t length, std::size_t batch) {
  const Dft dft(length, 1);
  const std::size_t bins = length / 2 + 1;
  std::vector<Complex> row(length);
  for (std::size_t b = 0; b < batch; ++b) {
    const float2* in = spectrum + b * bins;
    ORCHID_CHECK(in[0].y == 0 && (length % 2 == 1 || in[bins - 1].y == 0),
                 "inverse transform: an imaginary part of row ", b, " is not 0 at an edge");
    for (std::size_t f = 0; f < bins; ++f) {
      row[f] = {in[f].x, in[f].y};
      if (f > 0) row[length - f] = {in[f].x, -in[f].y};
    }
    const std::vector<Complex> out = dft(row);
    for (std::size_t n = 0; n < length; ++n) x[b * length + n] = static_cast<float>(out[n].re);
  }
  const float nan = std::numeric_limits<float>::quiet_NaN();  // as cuFFT, which works in place
  for (std::size_t i = 0; i < batch * bins; ++i) spectrum[i] = {nan, nan};
}

cudaStream_t stream_of(const Context& ctx) {
  return static_cast<const CudaMemory&>(*ctx.memory()).stream();
}

void tell_checker(const void* written, std::size_t bytes) {
  if (simt::checker) simt::checker->write_whole(written, bytes);
}

}  // namespace

void fft_forward(Context& ctx, const char* op, const float* x, float2* spectrum,
                 std::int64_t length, std::int64_t batch) {
  const auto n = static_cast<std::size_t>(length), rows = static_cast<std::size_t>(batch);
  check(simt::enqueue_host(stream_of(ctx),
                           [=] {
                             forward(x, spectrum, n, rows);
                             tell_checker(spectrum, rows * (n / 2 + 1) * sizeof(float2));
                           }),
        op, "queueing a transform");
}

void fft_inverse(Context& ctx, const char* op, float2* spectrum, float* x, std::int64_t length,
                 std::int64_t batch) {
  const auto n = static_cast<std::size_t>(length), rows = static_cast<std::size_t>(batch);
  check(simt::enqueue_host(stream_of(ctx),
                           [=] {
                             inverse(spectrum, x, n, rows);
                             tell_checker(x, rows * n * sizeof(float));
                           }),
        op, "queueing a transform");
}

}  // namespace orchid::cuda
