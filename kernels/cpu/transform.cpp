#include "kernels/ops/transform.h"

#include <cmath>

#include "kernels/cpu/channel_pairs.h"

namespace orchid::cpu {
namespace {

using ops::TransformKind;

/// Factors of bin 0, of bin N/2 for even N (Fourier alone) and of all others, on top of the plain
/// sum: sum_n x_n exp(..) or sum_n x_n cos(..) from samples to bins, and their adjoints back.
struct Scales {
  double first, rest, last;
};

/// One real transform of every channel, between the rows of a signal and those of a spectrum.
template <class T>
struct Job {
  const FftPlan<T>& plan;
  std::int64_t rows;   ///< L
  std::int64_t width;  ///< D
  std::int64_t bins;   ///< F
  RowOrder order;
  Scales scales;

  T scale(std::int64_t f) const {
    if (f == 0) return static_cast<T>(scales.first);
    return static_cast<T>(2 * f == plan.length ? scales.last : scales.rest);
  }
  Complex<T> turn(std::int64_t k) const {
    const T* entry = plan.quarter_turns.data() + 2 * k;
    return {entry[0], entry[1]};
  }
  std::int64_t channels() const { return order.cosine ? width : 2 * width; }
};

template <class V, class Pairs>
struct SignalReader {
  static constexpr bool kFused = !Pairs::kTail;
  const Job<Scalar<V>>& job;
  const Scalar<V>* x;
  Pairs pairs;
  ORCHID_INLINE Complex<V> operator()(std::int64_t n) const {
    const std::int64_t row = job.order(n);
    return row < job.rows ? pairs.load(x + row * job.width) : Complex<V>{};
  }
};

template <class V, class Pairs>
struct SignalWriter {
  static constexpr bool kFused = !Pairs::kTail;
  const Job<Scalar<V>>& job;
  Scalar<V>* x;
  Pairs pairs;
  ORCHID_INLINE void operator()(std::int64_t n, Complex<V> z) const {
    const std::int64_t row = job.order(n);
    if (row < job.rows) pairs.store(x + row * job.width, z);
  }
};

/// Bins from f = 0 to N/2 of both signals from the complex transform in `work`.
template <class V, class Pairs>
void write_spectrum(const Job<Scalar<V>>& job, const Complex<V>* work, const Pairs& pairs,
                    Scalar<V>* spectrum) {
  using T = Scalar<V>;
  const std::int64_t length = job.plan.length, channels = job.channels();
  const std::int32_t* bins = job.plan.bins.data();
  for (std::int64_t f = 0; 2 * f <= length; ++f) {
    const std::int64_t mirror = f == 0 ? 0 : length - f;
    const T half = T(0.5) * job.scale(f);
    PairBin<V> a = separate(work[bins[f]], work[bins[mirror]]);
    T* row = spectrum + f * channels;
    if (!job.order.cosine) {
      pairs.store(row, scaled(a.re, half));
      pairs.store(row + job.width, scaled(a.im, half));
      continue;
    }
    const Complex<T> turn = job.turn(f);
    a = rotated(a, turn.re, turn.im);
    pairs.store(row, scaled(a.re, half));
    if (f != 0) pairs.store(spectrum + mirror * channels, scaled(a.im, -half));
  }
}

/// The adjoint of write_spectrum, as far as both keep the mirror bins conjugate.
template <class V, class Pairs>
void read_spectrum(const Job<Scalar<V>>& job, const Scalar<V>* spectrum, const Pairs& pairs,
                   Complex<V>* work) {
  using T = Scalar<V>;
  const std::int64_t length = job.plan.length, channels = job.channels();
  const std::int32_t* bins = job.plan.bins.data();
  for (std::int64_t f = 0; 2 * f <= length; ++f) {
    const std::int64_t mirror = f == 0 ? 0 : length - f;
    const T scale = job.scale(f);
    const T* row = spectrum + f * channels;
    PairBin<V> a{scaled(pairs.load(row), scale), {}};
    if (job.order.cosine) {
      if (f != 0) a.im = scaled(pairs.load(spectrum + mirror * channels), -scale);
      const Complex<T> turn = job.turn(f);
      a = rotated(a, turn.re, -turn.im);
    } else if (f != mirror && f != 0) {
      a.im = scaled(pairs.load(row + job.width), scale);
    }
    work[bins[mirror]] = combine_mirror(a);
    work[bins[f]] = combine(a);
  }
}

template <class T>
Job<T> make_job(Context& ctx, const Tensor& signal, TransformKind kind, std::int64_t length) {
  return {.plan = fft_plan<T>(ctx, length),
          .rows = signal.shape()[1],
          .width = signal.shape()[2],
          .bins = ops::spectrum_bins(kind, length),
          .order = {length, !ops::is_fourier(kind)},
          .scales = {}};
}

void to_spectrum(Context& ctx, const Tensor& signal, Tensor& spectrum, TransformKind kind,
                 std::int64_t length, Scales scales) {
  dispatch_float(signal.dtype(), [&](auto zero) {
    using T = decltype(zero);
    Job<T> job = make_job<T>(ctx, signal, kind, length);
    job.scales = scales;
    const T* x = signal.data<T>();
    T* out = spectrum.data<T>();
    const std::int64_t batch = signal.shape()[0];
    with_vector<T>(ctx, job.width, batch, job.plan.work_size, [&](auto vector) {
      using V = decltype(vector);
      for_each_pairs<V>(
          ctx, job.width, batch, job.plan.work_size,
          [&](const auto& pairs, std::int64_t b, Complex<V>* work) {
            using Pairs = std::remove_cvref_t<decltype(pairs)>;
            const SignalReader<V, Pairs> reader{job, x + b * job.rows * job.width, pairs};
            forward<V>(job.plan, reader, work);
            write_spectrum<V>(job, work, pairs, out + b * job.bins * job.channels());
          });
    });
  });
}

void from_spectrum(Context& ctx, const Tensor& spectrum, Tensor& signal, TransformKind kind,
                   std::int64_t length, Scales scales) {
  dispatch_float(signal.dtype(), [&](auto zero) {
    using T = decltype(zero);
    Job<T> job = make_job<T>(ctx, signal, kind, length);
    job.scales = scales;
    const T* in = spectrum.data<T>();
    T* x = signal.data<T>();
    const std::int64_t batch = signal.shape()[0];
    with_vector<T>(ctx, job.width, batch, job.plan.work_size, [&](auto vector) {
      using V = decltype(vector);
      for_each_pairs<V>(
          ctx, job.width, batch, job.plan.work_size,
          [&](const auto& pairs, std::int64_t b, Complex<V>* work) {
            using Pairs = std::remove_cvref_t<decltype(pairs)>;
            read_spectrum<V>(job, in + b * job.bins * job.channels(), pairs, work);
            const SignalWriter<V, Pairs> writer{job, x + b * job.rows * job.width, pairs};
            inverse<V>(job.plan, work, writer);
          });
    });
  });
}

/// Bins from f = 0 on count once at the edges and `inner` times inside.
Scales fourier(double factor, double inner) {
  return {factor, factor * inner, factor};
}
Scales cosine(double first, double rest) {
  return {first, rest, rest};
}

}  // namespace
}  // namespace orchid::cpu

namespace orchid::ops {

void Transform::cpu(Context& ctx) const {
  const auto n = static_cast<double>(length);
  const cpu::Scales scales = kind == TransformKind::fft         ? cpu::fourier(1 / n, 1)
                             : kind == TransformKind::fft_ortho ? cpu::fourier(1 / std::sqrt(n), 1)
                             : kind == TransformKind::dct
                                 ? cpu::cosine(2, 2)
                                 : cpu::cosine(std::sqrt(1 / n), std::sqrt(2 / n));
  cpu::to_spectrum(ctx, *x, *spectrum, kind, length, scales);
}

void TransformGrad::cpu(Context& ctx) const {
  const auto n = static_cast<double>(length);
  const cpu::Scales scales =
      kind == TransformKind::fft         ? cpu::fourier(1 / n, 0.5)
      : kind == TransformKind::fft_ortho ? cpu::fourier(1 / std::sqrt(n), 0.5)
      : kind == TransformKind::dct       ? cpu::cosine(2, 1)
                                         : cpu::cosine(std::sqrt(1 / n), std::sqrt(1 / (2 * n)));
  cpu::from_spectrum(ctx, *dspectrum, *dx, kind, length, scales);
}

void InverseTransform::cpu(Context& ctx) const {
  const auto n = static_cast<double>(length);
  const cpu::Scales scales = kind == TransformKind::fft         ? cpu::fourier(1, 1)
                             : kind == TransformKind::fft_ortho ? cpu::fourier(1 / std::sqrt(n), 1)
                             : kind == TransformKind::dct
                                 ? cpu::cosine(1 / (2 * n), 1 / (2 * n))
                                 : cpu::cosine(std::sqrt(1 / n), std::sqrt(1 / (2 * n)));
  cpu::from_spectrum(ctx, *spectrum, *x, kind, length, scales);
}

void InverseTransformGrad::cpu(Context& ctx) const {
  const auto n = static_cast<double>(length);
  const cpu::Scales scales = kind == TransformKind::fft         ? cpu::fourier(1, 2)
                             : kind == TransformKind::fft_ortho ? cpu::fourier(1 / std::sqrt(n), 2)
                             : kind == TransformKind::dct
                                 ? cpu::cosine(1 / (2 * n), 1 / n)
                                 : cpu::cosine(std::sqrt(1 / n), std::sqrt(2 / n));
  cpu::to_spectrum(ctx, *dx, *dspectrum, kind, length, scales);
}

}  // namespace orchid::ops
