#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "kernels/cpu/simd.h"

/// Elementary functions that GCC vectorises inside plain loops: no branches, tables or calls for
/// float. For double they are the C library's, which serves tests. Float errors are below 3e-7 of
/// the value (erf 4e-7) unless said otherwise; infinities and NaN behave as in the C library.
namespace orchid::cpu::math {

inline double exp(double x) {
  return std::exp(x);
}
inline double expm1(double x) {
  return std::expm1(x);
}
inline double log1p(double x) {
  return std::log1p(x);
}
inline double tanh(double x) {
  return std::tanh(x);
}
inline double erf(double x) {
  return std::erf(x);
}
inline double sin(double x) {
  return std::sin(x);
}
inline double cos(double x) {
  return std::cos(x);
}

/// c0 + x (c1 + x (c2 + ...)).
ORCHID_INLINE float polynomial(float, float c0) {
  return c0;
}
template <class... Rest>
ORCHID_INLINE float polynomial(float x, float c0, Rest... rest) {
  return c0 + x * polynomial(x, rest...);
}

/// Both keep a NaN in x.
template <class T>
ORCHID_INLINE T at_most(T x, T limit) {
  return limit < x ? limit : x;
}
template <class T>
ORCHID_INLINE T at_least(T x, T limit) {
  return x < limit ? limit : x;
}

/// Adding this rounds a float below 2^22 to an integer, which then lies in the low bits.
inline constexpr float kRoundMagic = 0x1.8p23f;

/// x = n ln 2 + r with |r| <= ln(2) / 2.
struct ExpParts {
  float r;
  std::uint32_t n;  ///< two's complement
};
ORCHID_INLINE ExpParts split_exponent(float x) {
  const float shifted = x * 0x1.715476p0f + kRoundMagic;
  const float n = shifted - kRoundMagic;
  const float r = (x - n * 0x1.62e4p-1f) - n * 0x1.7f7d1cp-20f;  // n times the first is exact
  return {r, std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(kRoundMagic)};
}

/// 2^n for -126 <= n <= 127.
ORCHID_INLINE float power_of_two(std::uint32_t n) {
  return std::bit_cast<float>((n + 127u) << 23);
}

ORCHID_INLINE float exp(float x) {
  const auto [r, n] = split_exponent(at_least(at_most(x, 90.0f), -105.0f));
  const float c =
      polynomial(r, 4.9999994e-1f, 1.666652e-1f, 4.1668393e-2f, 8.368781e-3f, 1.3814481e-3f);
  const float p = 1.0f + (r + r * r * c);
  // In two steps, as 2^n alone leaves the range of float before the result does.
  const auto half = static_cast<std::uint32_t>(static_cast<std::int32_t>(n) >> 1);
  return p * power_of_two(half) * power_of_two(n - half);
}

/// For |x| <= 80.
ORCHID_INLINE float expm1(float x) {
  const auto [r, n] = split_exponent(x);
  const float c = polynomial(r, 5.0e-1f, 1.6666542e-1f, 4.166628e-2f, 8.3666425e-3f, 1.3946554e-3f);
  const float q = r + r * r * c;
  const float scale = power_of_two(n);
  return scale * q + (scale - 1.0f);
}

/// For x in [0, 1].
ORCHID_INLINE float log1p(float x) {
  const float s = x / (2.0f + x), w = s * s;  // log(1 + x) = 2 atanh(s)
  const float c = polynomial(w, 3.3333206e-1f, 2.0010819e-1f, 1.3999994e-1f, 1.4010383e-1f);
  return 2.0f * (s + s * w * c);
}

template <class T>
ORCHID_INLINE T sigmoid(T x) {
  return T(1) / (T(1) + math::exp(-x));
}

ORCHID_INLINE float tanh(float x) {
  const float e = math::expm1(2.0f * at_most(std::fabs(x), 10.0f));
  return std::copysign(e / (e + 2.0f), x);
}

/// x P(x^2) / Q(x^2), minimax over |x| <= 3.9192, beyond which erf rounds to +-1.
ORCHID_INLINE float erf(float x) {
  const float a = at_least(at_most(x, 3.9192f), -3.9192f), w = a * a;
  const float p = polynomial(w, 1.12837911f, 0.190374836f, 5.2745223e-2f, 3.76444543e-3f,
                             2.84888869e-4f, 2.05076594e-6f);
  const float q = polynomial(w, 1.0f, 0.502047956f, 0.114096649f, 1.49668492e-2f, 1.16231141e-3f,
                             3.80990459e-5f);
  return at_least(at_most(a * (p / q), 1.0f), -1.0f);
}

/// sin(r) or -sin(r), r = x - m pi/2, for |r| <= pi/2: the sign flips where bit 1 of m is set.
ORCHID_INLINE float sine_of_remainder(float x, float m, std::uint32_t bits) {
  // pi/2 in parts whose products with m <= 2^13 are exact, with or without fused contraction.
  const float r = ((x - m * 0x1.92p0f) - m * 0x1.fb4p-12f) - m * 0x1.4442d2p-24f;
  const float w = r * r;
  const float c =
      polynomial(w, -1.6666667e-1f, 8.33333e-3f, -1.9840802e-4f, 2.7522512e-6f, -2.3844779e-8f);
  const float s = r + r * w * c;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(s) ^ ((bits & 2u) << 30));
}

/// Absolute error below 1.5e-7 for |x| <= 1e4.
ORCHID_INLINE float sin(float x) {
  const float shifted = x * 0x1.45f306p-2f + kRoundMagic;  // to multiples of pi
  return sine_of_remainder(x, 2.0f * (shifted - kRoundMagic),
                           2u * std::bit_cast<std::uint32_t>(shifted));
}

/// As sin.
ORCHID_INLINE float cos(float x) {
  const float shifted = (x * 0x1.45f306p-2f + 0.5f) + kRoundMagic;  // to odd multiples of pi/2
  return sine_of_remainder(x, 2.0f * (shifted - kRoundMagic) - 1.0f,
                           2u * std::bit_cast<std::uint32_t>(shifted));
}

}  // namespace orchid::cpu::math
