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

/// The first pass of `count` transforms side by side: see `forward`.
template <int R, class V, class Source>
void forward_read(const FftPlan<Scalar<V>>& plan, const Source& source, int count,
                  Complex<V>* work) {
  const auto& [radix, stride, twiddles] = plan.passes.front();
  for (std::int64_t k = 0; k < stride; ++k) {
    const Scalar<V>* turn = twiddles + k * 2 * (R - 1);
    for (int g = 0; g < count; ++g) {
      Complex<V>* out = work + g * plan.work_size + k;
      Complex<V> a[R];
      unroll<R>([&](auto j) { a[j] = source(k + j * stride, g); });
      dft(a);
      out[0] = a[0];
      unroll<R - 1>([&](auto q) {
        out[(q + 1) * stride] = multiply(a[q + 1], turn[2 * q], turn[2 * q + 1]);
      });
    }
  }
}

/// The last pass of the inverse.
template <int R, class V, class Sink>
void inverse_write(const FftPlan<Scalar<V>>& plan, const Complex<V>* work, int count,
                   const Sink& sink) {
  const auto& [radix, stride, twiddles] = plan.passes.front();
  for (std::int64_t k = 0; k < stride; ++k) {
    const Scalar<V>* turn = twiddles + k * 2 * (R - 1);
    for (int g = 0; g < count; ++g) {
      const Complex<V>* in = work + g * plan.work_size + k;
      Complex<V> a[R];
      a[0] = swapped(in[0]);
      unroll<R - 1>([&](auto q) {
        a[q + 1] = multiply(swapped(in[(q + 1) * stride]), turn[2 * q], turn[2 * q + 1]);
      });
      dft(a);
      unroll<R>([&](auto j) { sink(k + j * stride, g, swapped(a[j])); });
    }
  }
}

/// `count` transforms side by side, g = 0 .. count - 1, in blocks of plan.work_size elements. Takes
/// sample n from source(n, g), all g of one n together; leaves bin f in place plan.bins[f] of its
/// block. A Source whose kFused is false is read in a loop of its own.
template <class V, class Source>
void forward(const FftPlan<Scalar<V>>& plan, const Source& source, int count, Complex<V>* work) {
  if constexpr (Source::kFused) {
    if (!plan.passes.empty()) {
      const auto& [radix, stride, twiddles] = plan.passes.front();
      with_radix(radix, [&](auto r) { forward_read<r>(plan, source, count, work); });
      for (int g = 0; g < count; ++g) {
        for (int q = 0; q < radix; ++q)
          forward_from(plan, 1, work + g * plan.work_size + q * stride);
      }
      return;
    }
  }
  for (std::int64_t n = 0; n < plan.length; ++n) {
    for (int g = 0; g < count; ++g) work[g * plan.work_size + plan.samples[n]] = source(n, g);
  }
  for (int g = 0; g < count; ++g) forward_in_place(plan, work + g * plan.work_size);
}

/// Takes bin f from place plan.bins[f] and calls sink(n, g, z) once for every n < N and g.
template <class V, class Sink>
void inverse(const FftPlan<Scalar<V>>& plan, Complex<V>* work, int count, const Sink& sink) {
  if constexpr (Sink::kFused) {
    if (!plan.passes.empty()) {
      const auto& [radix, stride, twiddles] = plan.passes.front();
      for (int g = 0; g < count; ++g) {
        for (int q = 0; q < radix; ++q) inverse_to(plan, 1, work + g * plan.work_size + q * stride);
      }
      with_radix(radix, [&](auto r) { inverse_write<r>(plan, work, count, sink); });
      return;
    }
  }
  for (int g = 0; g < count; ++g) inverse_in_place(plan, work + g * plan.work_size);
  for (std::int64_t n = 0; n < plan.length; ++n) {
    for (int g = 0; g < count; ++g) sink(n, g, work[g * plan.work_size + plan.samples[n]]);
  }
}

}  // namespace orchid::cpu
