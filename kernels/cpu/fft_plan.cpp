#include "kernels/cpu/fft_plan.h"

#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "kernels/cpu/fft.h"
#include "kernels/ops/transform.h"

namespace orchid::cpu {
namespace {

/// See FftPlan::work_size.
constexpr std::int64_t kGap = 5;

/// exp(-2 pi i numerator / denominator); the numerator is reduced first, which keeps it accurate.
std::complex<double> root(std::int64_t numerator, std::int64_t denominator) {
  const auto turn = static_cast<double>(numerator % denominator) / static_cast<double>(denominator);
  return std::polar(1.0, -2 * std::numbers::pi * turn);
}

template <class T>
void append(std::vector<T>& list, std::complex<double> z) {
  list.push_back(static_cast<T>(z.real()));
  list.push_back(static_cast<T>(z.imag()));
}

/// Largest stride first. Odd factors come first, where twiddles cost most in any case; fours before
/// eights, because the last pass has no twiddles. Empty where a factor above 7 remains.
std::vector<int> split_radices(std::int64_t length) {
  std::vector<int> radices;
  for (const int odd : {7, 5, 3}) {
    for (; length % odd == 0; length /= odd) radices.push_back(odd);
  }
  int twos = 0;
  for (; length % 2 == 0; length /= 2) ++twos;
  if (length > 1) return {};
  int eights = twos / 3, fours = twos % 3 == 2 ? 1 : 0;
  if (twos % 3 == 1 && eights > 0) {
    --eights;
    fours = 2;
  } else if (twos == 1) {
    radices.push_back(2);
  }
  radices.insert(radices.end(), static_cast<std::size_t>(fours), 4);
  radices.insert(radices.end(), static_cast<std::size_t>(eights), 8);
  return radices;
}

bool is_prime(std::int64_t n) {
  for (std::int64_t factor = 2; factor * factor <= n; ++factor) {
    if (n % factor == 0) return false;
  }
  return n > 1;
}

/// Whether the powers of `base` modulo the prime N reach every number but 0.
bool generates(std::int64_t base, std::int64_t prime) {
  std::int64_t order = 1;
  for (std::int64_t power = base; power != 1; power = power * base % prime) ++order;
  return order == prime - 1;
}

}  // namespace

template <class T>
FftPlan<T>::FftPlan(std::int64_t n) : length(n), work_size(n + kGap) {
  ORCHID_CHECK(n >= 1 && n <= std::numeric_limits<std::int32_t>::max() / 4,
               "fft: length: expected 1 to ", std::numeric_limits<std::int32_t>::max() / 4,
               ", got ", n);
  samples.resize(static_cast<std::size_t>(n));
  std::iota(samples.begin(), samples.end(), 0);
  bins = samples;
  for (std::int64_t k = 0; k <= n / 2; ++k) append(quarter_turns, root(k, 4 * n));

  const std::vector<int> radices = split_radices(n);
  if (n == 1 || !radices.empty()) {
    plan_split(radices);
  } else if (is_prime(n) && !split_radices(n - 1).empty()) {
    plan_rader();
  } else {
    plan_bluestein();
  }
}

template <class T>
void FftPlan<T>::plan_split(const std::vector<int>& radices) {
  method = Method::split;
  std::int64_t block = length;
  std::vector<std::size_t> offsets;
  for (const int radix : radices) {
    const std::int64_t stride = block / radix;
    offsets.push_back(twiddles_.size());
    for (std::int64_t k = 0; k < stride; ++k) {
      for (int q = 1; q < radix; ++q) append(twiddles_, root(k * q, block));
    }
    passes.push_back({radix, stride, nullptr});
    block = stride;
  }
  for (std::size_t level = 0; level < passes.size(); ++level)
    passes[level].twiddles = twiddles_.data() + offsets[level];

  for (std::int64_t f = 0; f < length; ++f) {
    std::int64_t place = 0, rest = f;
    for (const Pass& pass : passes) {
      place += rest % pass.radix * pass.stride;
      rest /= pass.radix;
    }
    bins[static_cast<std::size_t>(f)] = static_cast<std::int32_t>(place);
  }
}

template <class T>
void FftPlan<T>::plan_rader() {
  method = Method::rader;
  std::int64_t generator = 2;
  while (!generates(generator, length)) ++generator;
  std::vector<std::complex<double>> kernel(static_cast<std::size_t>(length - 1));
  std::int64_t power = 1;
  for (std::int64_t q = 0; q < length - 1; ++q, power = power * generator % length) {
    const std::int64_t back = (length - 1 - q) % (length - 1);
    samples[static_cast<std::size_t>(power)] = static_cast<std::int32_t>(1 + q);
    bins[static_cast<std::size_t>(power)] = static_cast<std::int32_t>(1 + back);
    kernel[static_cast<std::size_t>(back)] = root(power, length);
  }
  set_multiplier(kernel);
}

template <class T>
void FftPlan<T>::plan_bluestein() {
  method = Method::bluestein;
  const std::int64_t size = ops::good_transform_length(2 * length - 1);
  work_size = size + kGap;
  std::vector<std::complex<double>> kernel(static_cast<std::size_t>(size));
  for (std::int64_t n = 0; n < length; ++n) {
    const std::complex<double> factor = root(n * n, 2 * length);
    append(chirp, factor);
    kernel[static_cast<std::size_t>(n)] = std::conj(factor);
    kernel[static_cast<std::size_t>((size - n) % size)] = std::conj(factor);
  }
  set_multiplier(kernel);
}

/// Transforms the convolution kernel in double and keeps it in the places of the inner plan, with
/// the normalisation of the inner inverse.
template <class T>
void FftPlan<T>::set_multiplier(const std::vector<std::complex<double>>& kernel) {
  using V = Vec<double>;
  const auto size = static_cast<std::int64_t>(kernel.size());
  const FftPlan<double> exact(size);
  std::vector<Complex<V>> work(kernel.size());
  for (std::size_t n = 0; n < kernel.size(); ++n)
    work[n] = {kernel[n].real() - V{}, kernel[n].imag() - V{}};
  forward_in_place(exact, work.data());
  for (const Complex<V>& z : work)
    append(multiplier, std::complex<double>{z.re[0], z.im[0]} / static_cast<double>(size));
  inner = std::make_unique<const FftPlan>(size);
}

template struct FftPlan<float>;
template struct FftPlan<double>;

}  // namespace orchid::cpu
