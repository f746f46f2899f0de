#pragma once

#include "kernels/cpu/simd.h"

/// Discrete Fourier transforms of 2, 3, 4, 5, 7 and 8 points in registers.
namespace orchid::cpu {

/// kLanes<V> complex numbers.
template <class V>
struct Complex {
  V re, im;
};

template <class V>
ORCHID_INLINE Complex<V> operator+(Complex<V> a, Complex<V> b) {
  return {a.re + b.re, a.im + b.im};
}
template <class V>
ORCHID_INLINE Complex<V> operator-(Complex<V> a, Complex<V> b) {
  return {a.re - b.re, a.im - b.im};
}
/// The same complex factor in every lane.
template <class V>
ORCHID_INLINE Complex<V> multiply(Complex<V> a, Scalar<V> re, Scalar<V> im) {
  return {a.re * re - a.im * im, a.im * re + a.re * im};
}
template <class V>
ORCHID_INLINE Complex<V> swapped(Complex<V> a) {
  return {a.im, a.re};
}
/// -i a
template <class V>
ORCHID_INLINE Complex<V> turned(Complex<V> a) {
  return {a.im, -a.re};
}

/// cos and sin of 2 pi k / R, k = 0 .. (R-1)/2.
template <int R>
struct Circle;
template <>
struct Circle<3> {
  static constexpr double cos[] = {1, -0.5};
  static constexpr double sin[] = {0, 0.86602540378443864676};
};
template <>
struct Circle<5> {
  static constexpr double cos[] = {1, 0.30901699437494742410, -0.80901699437494742410};
  static constexpr double sin[] = {0, 0.95105651629515357212, 0.58778525229247312917};
};
template <>
struct Circle<7> {
  static constexpr double cos[] = {1, 0.62348980185873353053, -0.22252093395631440429,
                                   -0.90096886790241912624};
  static constexpr double sin[] = {0, 0.78183148246802980871, 0.97492791218182360702,
                                   0.43388373911755812048};
};

/// a_q <- sum_j a_j exp(-2 pi i j q / R). Odd R: pairs (j, R - j) share their products.
template <int R, class V>
ORCHID_INLINE void dft(Complex<V> (&a)[R]) {
  constexpr int kHalf = (R - 1) / 2;
  Complex<V> sum[kHalf], difference[kHalf];
  const Complex<V> first = a[0];
  unroll<kHalf>([&](auto j) {
    sum[j] = a[j + 1] + a[R - 1 - j];
    difference[j] = a[j + 1] - a[R - 1 - j];
    a[0] = a[0] + sum[j];
  });
  unroll<kHalf>([&](auto q) {
    Complex<V> even = first, odd{};
    unroll<kHalf>([&](auto j) {
      constexpr int kStep = (q + 1) * (j + 1) % R;
      constexpr bool kBack = kStep > kHalf;
      constexpr auto kCos = static_cast<Scalar<V>>(Circle<R>::cos[kBack ? R - kStep : kStep]);
      constexpr auto kSin =
          static_cast<Scalar<V>>(kBack ? -Circle<R>::sin[R - kStep] : Circle<R>::sin[kStep]);
      even = {even.re + sum[j].re * kCos, even.im + sum[j].im * kCos};
      if constexpr (j == 0) {
        odd = {difference[j].re * kSin, difference[j].im * kSin};
      } else {
        odd = {odd.re + difference[j].re * kSin, odd.im + difference[j].im * kSin};
      }
    });
    a[q + 1] = {even.re + odd.im, even.im - odd.re};
    a[R - 1 - q] = {even.re - odd.im, even.im + odd.re};
  });
}

template <class V>
ORCHID_INLINE void dft(Complex<V> (&a)[2]) {
  const Complex<V> b = a[1];
  a[1] = a[0] - b;
  a[0] = a[0] + b;
}

template <class V>
ORCHID_INLINE void dft4(Complex<V>& a0, Complex<V>& a1, Complex<V>& a2, Complex<V>& a3) {
  const Complex<V> s0 = a0 + a2, d0 = a0 - a2, s1 = a1 + a3, d1 = a1 - a3;
  a0 = s0 + s1;
  a2 = s0 - s1;
  a1 = {d0.re + d1.im, d0.im - d1.re};
  a3 = {d0.re - d1.im, d0.im + d1.re};
}

template <class V>
ORCHID_INLINE void dft(Complex<V> (&a)[4]) {
  dft4(a[0], a[1], a[2], a[3]);
}

template <class V>
ORCHID_INLINE void dft(Complex<V> (&a)[8]) {
  constexpr auto kRoot = static_cast<Scalar<V>>(0.70710678118654752440);
  Complex<V> e0 = a[0], e1 = a[2], e2 = a[4], e3 = a[6];
  Complex<V> o0 = a[1], o1 = a[3], o2 = a[5], o3 = a[7];
  dft4(e0, e1, e2, e3);
  dft4(o0, o1, o2, o3);
  const Complex<V> t1 = {o1.re + o1.im, o1.im - o1.re}, t3 = {o3.im - o3.re, o3.re + o3.im};
  a[0] = e0 + o0;
  a[4] = e0 - o0;
  a[1] = {e1.re + t1.re * kRoot, e1.im + t1.im * kRoot};
  a[5] = {e1.re - t1.re * kRoot, e1.im - t1.im * kRoot};
  a[2] = {e2.re + o2.im, e2.im - o2.re};
  a[6] = {e2.re - o2.im, e2.im + o2.re};
  a[3] = {e3.re + t3.re * kRoot, e3.im - t3.im * kRoot};
  a[7] = {e3.re - t3.re * kRoot, e3.im + t3.im * kRoot};
}

}  // namespace orchid::cpu
