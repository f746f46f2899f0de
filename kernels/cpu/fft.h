#pragma once

#include "kernels/cpu/fft_butterflies.h"
#include "kernels/cpu/fft_plan.h"

/// Complex transforms of kLanes<V> signals at once, one per lane, without normalisation:
///   forward: Z_f = sum_n z_n exp(-2 pi i f n / N),   inverse: z_n = sum_f Z_f exp(+2 pi i f n / N)
/// The first pass reads its samples through a functor, the last one of the inverse hands them to
/// one, so that what comes before and after costs no pass over memory of its own.
namespace orchid::cpu {

/// From pass `level` on, over one block of that pass.
template <class V>
void forward_from(const FftPlan<Scalar<V>>&, std::size_t level, Complex<V>* block);
template <class V>
void inverse_to(const FftPlan<Scalar<V>>&, std::size_t level, Complex<V>* block);
/// From samples to bins in place, any method; see FftPlan for the places.
template <class V>
void forward_in_place(const FftPlan<Scalar<V>>&, Complex<V>* work);
template <class V>
void inverse_in_place(const FftPlan<Scalar<V>>&, Complex<V>* work);

/// One block of a forward pass: butterfly, then twiddles. read(i) gives element i.
template <int R, class V, class Read>
ORCHID_INLINE void forward_block(std::int64_t stride, const Scalar<V>* twiddles, const Read& read,
                                 Complex<V>* out) {
  Complex<V> a[R];
  unroll<R>([&](auto j) { a[j] = read(j * stride); });
  dft(a);
  unroll<R>([&](auto q) { out[q * stride] = a[q]; });
  for (std::int64_t k = 1; k < stride; ++k) {
    twiddles += 2 * (R - 1);
    unroll<R>([&](auto j) { a[j] = read(k + j * stride); });
    dft(a);
    out[k] = a[0];
    unroll<R - 1>([&](auto q) {
      out[k + (q + 1) * stride] = multiply(a[q + 1], twiddles[2 * q], twiddles[2 * q + 1]);
    });
  }
}

/// The adjoint of forward_block: conjugate twiddles, then the conjugate butterfly. Real and
/// imaginary parts change places on the way, which conjugates both. write(i, z) takes element i.
template <int R, class V, class Write>
ORCHID_INLINE void inverse_block(std::int64_t stride, const Scalar<V>* twiddles,
                                 const Complex<V>* in, const Write& write) {
  Complex<V> a[R];
  unroll<R>([&](auto q) { a[q] = swapped(in[q * stride]); });
  dft(a);
  unroll<R>([&](auto j) { write(j * stride, swapped(a[j])); });
  for (std::int64_t k = 1; k < stride; ++k) {
    twiddles += 2 * (R - 1);
    a[0] = swapped(in[k]);
    unroll<R - 1>([&](auto q) {
      a[q + 1] = multiply(swapped(in[k + (q + 1) * stride]), twiddles[2 * q], twiddles[2 * q + 1]);
    });
    dft(a);
    unroll<R>([&](auto j) { write(k + j * stride, swapped(a[j])); });
  }
}

/// Calls body(integral_constant<int, radix>).
template <class Body>
void with_radix(int radix, const Body& body) {
  switch (radix) {
    case 2:
      return body(std::integral_constant<int, 2>{});
    case 3:
      return body(std::integral_constant<int, 3>{});
    case 4:
      return body(std::integral_constant<int, 4>{});
    case 5:
      return body(std::integral_constant<int, 5>{});
    case 7:
      return body(std::integral_constant<int, 7>{});
    default:
      return body(std::integral_constant<int, 8>{});
  }
}

/// Takes sample n from source(n); leaves bin f in work[plan.bins[f]]. A Source whose kFused is
/// false is read in a loop of its own.
template <class V, class Source>
void forward(const FftPlan<Scalar<V>>& plan, const Source& source, Complex<V>* work) {
  if (!Source::kFused || plan.passes.empty()) {
    for (std::int64_t n = 0; n < plan.length; ++n)
      work[plan.samples[static_cast<std::size_t>(n)]] = source(n);
    return forward_in_place(plan, work);
  }
  if constexpr (Source::kFused) {
    const auto& [radix, stride, twiddles] = plan.passes.front();
    with_radix(radix, [&](auto r) { forward_block<r>(stride, twiddles, source, work); });
    for (int q = 0; q < radix; ++q) forward_from(plan, 1, work + q * stride);
  }
}

/// Takes bin f from work[plan.bins[f]] and calls sink(n, z) once for every n < N.
template <class V, class Sink>
void inverse(const FftPlan<Scalar<V>>& plan, Complex<V>* work, const Sink& sink) {
  if (!Sink::kFused || plan.passes.empty()) {
    inverse_in_place(plan, work);
    for (std::int64_t n = 0; n < plan.length; ++n)
      sink(n, work[plan.samples[static_cast<std::size_t>(n)]]);
    return;
  }
  if constexpr (Sink::kFused) {
    const auto& [radix, stride, twiddles] = plan.passes.front();
    for (int q = 0; q < radix; ++q) inverse_to(plan, 1, work + q * stride);
    with_radix(radix, [&](auto r) { inverse_block<r>(stride, twiddles, work, sink); });
  }
}

}  // namespace orchid::cpu
