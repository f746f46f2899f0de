#include "kernels/ops/transform.h"

#include "kernels/cpu/channel_tiles.h"
#include "kernels/cpu/pair_bins.h"
#include "kernels/ops/transform_scales.h"

namespace orchid::cpu {
namespace {

using ops::BinScales;
using ops::TransformKind;

/// One real transform of every channel, between the rows of a signal and those of a spectrum.
template <class T>
struct Job {
  const FftPlan<T>& plan;
  std::int64_t rows;   ///< L
  std::int64_t width;  ///< D
  std::int64_t bins;   ///< F
  RowOrder order;
  BinScales scales;

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

template <class V, class Tile>
struct SignalReader {
  static constexpr bool kFused = !Tile::kTail;
  const Job<Scalar<V>>& job;
  const Scalar<V>* x;
  Tile tile;

  ORCHID_INLINE Complex<V> operator()(std::int64_t n, int g) const {
    const std::int64_t row = job.order(n);
    return row < job.rows ? tile[g].load(x + row * job.width) : Complex<V>{};
  }
};

template <class V, class Tile>
struct SignalWriter {
  static constexpr bool kFused = !Tile::kTail;
  const Job<Scalar<V>>& job;
  Scalar<V>* x;
  Tile tile;

  ORCHID_INLINE void operator()(std::int64_t n, int g, Complex<V> z) const {
    const std::int64_t row = job.order(n);
    if (row < job.rows) tile[g].store(x + row * job.width, z);
  }
};

/// Bins from f = 0 to N/2 of both signals of each pair, from the complex transforms in `work`.
template <class V, class Tile>
void write_spectrum(const Job<Scalar<V>>& job, const Tile& tile, const Complex<V>* work,
                    Scalar<V>* spectrum) {
  using T = Scalar<V>;
  const std::int64_t length = job.plan.length, channels = job.channels();
  for (std::int64_t f = 0; 2 * f <= length; ++f) {
    const std::int64_t mirror = f == 0 ? 0 : length - f;
    const T half = T(0.5) * job.scale(f);
    const Complex<T> turn = job.turn(f);
    const Complex<V>*z = work + job.plan.bins[f], *z_mirror = work + job.plan.bins[mirror];
    T* row = spectrum + f * channels;
    for (int g = 0; g < tile.count; ++g) {
      PairBin<V> a = separate(z[g * job.plan.work_size], z_mirror[g * job.plan.work_size]);
      if (job.order.cosine) {
        a = rotated(a, turn.re, turn.im);
        tile[g].store(row, scaled(a.re, half));
        if (f != 0) tile[g].store(spectrum + mirror * channels, scaled(a.im, -half));
      } else {
        tile[g].store(row, scaled(a.re, half));
        tile[g].store(row + job.width, scaled(a.im, half));
      }
    }
  }
}

/// The other way round, with the mirror bins the conjugates.
template <class V, class Tile>
void read_spectrum(const Job<Scalar<V>>& job, const Tile& tile, const Scalar<V>* spectrum,
                   Complex<V>* work) {
  using T = Scalar<V>;
  const std::int64_t length = job.plan.length, channels = job.channels();
  for (std::int64_t f = 0; 2 * f <= length; ++f) {
    const std::int64_t mirror = f == 0 ? 0 : length - f;
    const T scale = job.scale(f);
    const Complex<T> turn = job.turn(f);
    Complex<V>*z = work + job.plan.bins[f], *z_mirror = work + job.plan.bins[mirror];
    const T* row = spectrum + f * channels;
    for (int g = 0; g < tile.count; ++g) {
      PairBin<V> a{scaled(tile[g].load(row), scale), {}};
      if (job.order.cosine) {
        if (f != 0) a.im = scaled(tile[g].load(spectrum + mirror * channels), -scale);
        a = rotated(a, turn.re, -turn.im);
      } else if (f != mirror && f != 0) {
        a.im = scaled(tile[g].load(row + job.width), scale);
      }
      z_mirror[g * job.plan.work_size] = combine_mirror(a);
      z[g * job.plan.work_size] = combine(a);
    }
  }
}

template <class T>
Job<T> make_job(Context& ctx, const Tensor& signal, TransformKind kind, std::int64_t length,
                BinScales scales) {
  return {.plan = fft_plan<T>(ctx, length),
          .rows = signal.shape()[1],
          .width = signal.shape()[2],
          .bins = ops::spectrum_bins(kind, length),
          .order = {length, !ops::is_fourier(kind)},
          .scales = scales};
}

/// Calls body(tile, b, work, V{}) for every tile of every sample.
template <class T, class Body>
void for_each_sample(Context& ctx, const Job<T>& job, std::int64_t batch, const Body& body) {
  with_tiles<T>(ctx, job.width, batch, job.plan.work_size, [&](const TilePlan& plan, auto vector) {
    using V = decltype(vector);
    for_each_tile<V>(ctx, plan, [&](const auto& tile, std::int64_t b, Complex<V>* work) {
      body(tile, b, work);
    });
  });
}

template <class T>
void to_spectrum(Context& ctx, const Job<T>& job, const Tensor& signal, Tensor& spectrum) {
  const T* x = signal.data<T>();
  T* out = spectrum.data<T>();
  for_each_sample<T>(
      ctx, job, signal.shape()[0],
      [&]<class V>(const auto& tile, std::int64_t b, Complex<V>* work) {
        using Tile = std::remove_cvref_t<decltype(tile)>;
        const T* sample = x + b * job.rows * job.width;
        forward<V>(job.plan, SignalReader<V, Tile>{job, sample, tile}, tile.count, work);
        write_spectrum<V>(job, tile, work, out + b * job.bins * job.channels());
      });
}

template <class T>
void from_spectrum(Context& ctx, const Job<T>& job, const Tensor& spectrum, Tensor& signal) {
  const T* in = spectrum.data<T>();
  T* x = signal.data<T>();
  for_each_sample<T>(
      ctx, job, signal.shape()[0],
      [&]<class V>(const auto& tile, std::int64_t b, Complex<V>* work) {
        using Tile = std::remove_cvref_t<decltype(tile)>;
        T* sample = x + b * job.rows * job.width;
        read_spectrum<V>(job, tile, in + b * job.bins * job.channels(), work);
        inverse<V>(job.plan, work, tile.count, SignalWriter<V, Tile>{job, sample, tile});
      });
}

void signal_to_spectrum(Context& ctx, const Tensor& signal, Tensor& spectrum, TransformKind kind,
                        std::int64_t length, BinScales scales) {
  dispatch_float(signal.dtype(), [&](auto zero) {
    using T = decltype(zero);
    to_spectrum<T>(ctx, make_job<T>(ctx, signal, kind, length, scales), signal, spectrum);
  });
}

void spectrum_to_signal(Context& ctx, const Tensor& spectrum, Tensor& signal, TransformKind kind,
                        std::int64_t length, BinScales scales) {
  dispatch_float(signal.dtype(), [&](auto zero) {
    using T = decltype(zero);
    from_spectrum<T>(ctx, make_job<T>(ctx, signal, kind, length, scales), spectrum, signal);
  });
}

}  // namespace
}  // namespace orchid::cpu

namespace orchid::ops {

void Transform::cpu(Context& ctx) const {
  cpu::signal_to_spectrum(ctx, *x, *spectrum, kind, length, transform_scales(kind, length).forward);
}

void TransformGrad::cpu(Context& ctx) const {
  cpu::spectrum_to_signal(ctx, *dspectrum, *dx, kind, length,
                          transform_scales(kind, length).forward_adjoint);
}

void InverseTransform::cpu(Context& ctx) const {
  cpu::spectrum_to_signal(ctx, *spectrum, *x, kind, length, transform_scales(kind, length).inverse);
}

void InverseTransformGrad::cpu(Context& ctx) const {
  cpu::signal_to_spectrum(ctx, *dx, *dspectrum, kind, length,
                          transform_scales(kind, length).inverse_adjoint);
}

}  // namespace orchid::ops
