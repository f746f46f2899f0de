#pragma once

#include "kernels/cpu/fft_butterflies.h"

/// Two real signals a and b in one complex transform, z = a + i b: their bins and back.
namespace orchid::cpu {

/// Bin f of the two real signals of each pair: (first, second) in (re.re, re.im) and (im.re,
/// im.im).
template <class V>
struct PairBin {
  Complex<V> re, im;
};

/// Twice the bins of the two signals, from bins f and N - f of the complex one.
template <class V>
ORCHID_INLINE PairBin<V> separate(Complex<V> z, Complex<V> mirror) {
  return {z + mirror, {z.im - mirror.im, mirror.re - z.re}};
}
/// Bin f of the complex signal, and bin N - f.
template <class V>
ORCHID_INLINE Complex<V> combine(PairBin<V> a) {
  return {a.re.re - a.im.im, a.re.im + a.im.re};
}
template <class V>
ORCHID_INLINE Complex<V> combine_mirror(PairBin<V> a) {
  return {a.re.re + a.im.im, a.re.im - a.im.re};
}

template <class V>
ORCHID_INLINE Complex<V> scaled(Complex<V> a, Scalar<V> factor) {
  return {a.re * factor, a.im * factor};
}
/// Lane by lane and part by part: no complex product.
template <class V>
ORCHID_INLINE Complex<V> times(Complex<V> a, Complex<V> b) {
  return {a.re * b.re, a.im * b.im};
}
/// a (re + i im) in both signals.
template <class V>
ORCHID_INLINE PairBin<V> rotated(PairBin<V> a, Scalar<V> re, Scalar<V> im) {
  return {scaled(a.re, re) - scaled(a.im, im), scaled(a.im, re) + scaled(a.re, im)};
}

}  // namespace orchid::cpu
