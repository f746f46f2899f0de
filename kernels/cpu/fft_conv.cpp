#include "kernels/ops/fft_conv.h"

#include "kernels/cpu/fft_conv.h"

namespace orchid::cpu {
namespace {

/// From T(u) to T(u) H, Fourier kinds: all in the places of the complex transform.
template <class V, class Pairs>
void multiply_fourier(const Geometry<Scalar<V>>& g, const Kernel<Scalar<V>>& kernel,
                      const Pairs& pairs, Complex<V>* work) {
  const Scalar<V> half = g.scale / 2;
  const std::int32_t* bins = g.plan.bins.data();
  for (std::int64_t f = 0; 2 * f <= g.length(); ++f) {
    const std::int64_t mirror = f == 0 ? 0 : g.length() - f;
    Complex<V>&z = work[bins[f]], &z_mirror = work[bins[mirror]];
    const Complex<V> h_re = kernel.template real<V>(pairs, f);
    if (mirror == f || f == 0) {
      z = scaled(times(z, h_re), g.scale);
      continue;
    }
    const Complex<V> h_im = kernel.template imaginary<V>(pairs, f);
    const PairBin<V> u = separate(z, z_mirror);
    const PairBin<V> c{scaled(times(u.re, h_re) - times(u.im, h_im), half),
                       scaled(times(u.re, h_im) + times(u.im, h_re), half)};
    z = combine(c);
    z_mirror = combine_mirror(c);
  }
}

/// The same for cosine kinds: coefficients k and N - k come from bin k of the Fourier transform of
/// the reordered rows, turned by exp(-pi i k / 2N), as real part and minus the imaginary part.
template <class V, class Pairs>
void multiply_cosine(const Geometry<Scalar<V>>& g, const Kernel<Scalar<V>>& kernel,
                     const Pairs& pairs, Complex<V>* work) {
  using T = Scalar<V>;
  const T half = g.scale / 2;
  const std::int32_t* bins = g.plan.bins.data();
  work[bins[0]] = scaled(times(work[bins[0]], kernel.template real<V>(pairs, 0)), g.scale);
  for (std::int64_t k = 1; 2 * k <= g.length(); ++k) {
    const std::int64_t mirror = g.length() - k;
    const T* turn = g.plan.quarter_turns.data() + 2 * k;
    Complex<V>&z = work[bins[k]], &z_mirror = work[bins[mirror]];
    PairBin<V> u = rotated(separate(z, z_mirror), turn[0], turn[1]);
    u.re = scaled(times(u.re, kernel.template real<V>(pairs, k)), half);
    u.im = scaled(times(u.im, kernel.template real<V>(pairs, mirror)), half);
    u = rotated(u, turn[0], -turn[1]);
    z_mirror = combine_mirror(u);
    z = combine(u);
  }
}

/// Sink of the inverse transform: everything FftConv does after it.
template <class V, class Pairs>
struct ConvWriter {
  static constexpr bool kFused = !Pairs::kTail;
  using T = Scalar<V>;
  GatedReader<V, Pairs> u;
  Columns<const T> gate_out, add;
  Columns<T> c, y;
  bool has_skip;
  Complex<V> skip;

  ORCHID_INLINE void operator()(std::int64_t n, Complex<V> value) const {
    const std::int64_t row = u.order(n);
    if (row >= y.rows) return;
    if (has_skip) value = value + times(skip, u.row(row));
    if (c) u.pairs.store(c.row(row), value);
    if (gate_out) value = times(value, u.pairs.load(gate_out.row(row)));
    if (add) value = value + u.pairs.load(add.row(row));
    u.pairs.store(y.row(row), value);
  }
};

template <class T>
void convolve(Context& ctx, const ops::FftConv& op) {
  const Geometry<T> g = make_geometry<T>(ctx, op, op.y->shape());
  const auto x = columns<T>(op.x.tensor, op.x_column);
  const auto gate_in = columns<T>(op.gate_in.tensor, op.gate_in_column);
  const auto gate_out = columns<T>(op.gate_out.tensor, op.gate_out_column);
  const auto add = columns<T>(op.add.tensor);
  const auto c = mutable_columns<T>(op.c.tensor), y = mutable_columns<T>(op.y.tensor);
  const T* skip = values<T>(op.skip);
  const std::int64_t batch = op.y->shape()[0];
  with_vector<T>(ctx, g.width, batch, g.plan.work_size, [&](auto vector) {
    using V = decltype(vector);
    for_each_pairs<V>(
        ctx, g.width, batch, g.plan.work_size,
        [&](const auto& pairs, std::int64_t b, Complex<V>* work) {
          using Pairs = std::remove_cvref_t<decltype(pairs)>;
          const GatedReader<V, Pairs> u{g.order, x.sample(b), gate_in.sample(b), pairs};
          forward<V>(g.plan, u, work);
          const Kernel<T> kernel = make_kernel(g, op, b);
          if (g.order.cosine) {
            multiply_cosine<V>(g, kernel, pairs, work);
          } else {
            multiply_fourier<V>(g, kernel, pairs, work);
          }
          const ConvWriter<V, Pairs> writer{u,
                                            gate_out.sample(b),
                                            add.sample(b),
                                            c.sample(b),
                                            y.sample(b),
                                            skip != nullptr,
                                            skip ? pairs.load(skip) : Complex<V>{}};
          inverse<V>(g.plan, work, writer);
        });
  });
}

}  // namespace
}  // namespace orchid::cpu

void orchid::ops::FftConv::cpu(Context& ctx) const {
  dispatch_float(y->dtype(), [&](auto zero) { cpu::convolve<decltype(zero)>(ctx, *this); });
}
