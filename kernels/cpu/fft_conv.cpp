#include "kernels/ops/fft_conv.h"

#include "kernels/cpu/fft_conv.h"

namespace orchid::cpu {
namespace {

/// From T(u) to T(u) H, Fourier kinds: all in the places of the complex transforms.
template <class V, class Tile>
void multiply_fourier(const Geometry<Scalar<V>>& geometry, const Kernel<Scalar<V>>& kernel,
                      const Tile& tile, Complex<V>* work) {
  const Scalar<V> scale = geometry.scale, half = scale / 2;
  const FftPlan<Scalar<V>>& plan = geometry.plan;
  for (std::int64_t f = 0; 2 * f <= plan.length; ++f) {
    Complex<V>*z = work + plan.bins[f], *z_mirror = work + plan.bins[f == 0 ? 0 : plan.length - f];
    for (int g = 0; g < tile.count; ++g, z += plan.work_size, z_mirror += plan.work_size) {
      const auto pairs = tile[g];
      const Complex<V> h_re = kernel.template real<V>(pairs, f);
      if (z == z_mirror) {
        *z = scaled(times(*z, h_re), scale);
        continue;
      }
      const Complex<V> h_im = kernel.template imaginary<V>(pairs, f);
      const PairBin<V> u = separate(*z, *z_mirror);
      const PairBin<V> c{scaled(times(u.re, h_re) - times(u.im, h_im), half),
                         scaled(times(u.re, h_im) + times(u.im, h_re), half)};
      *z = combine(c);
      *z_mirror = combine_mirror(c);
    }
  }
}

/// The same for cosine kinds: coefficients k and N - k come from bin k of the Fourier transform of
/// the reordered rows, turned by exp(-pi i k / 2N), as real part and minus the imaginary part.
template <class V, class Tile>
void multiply_cosine(const Geometry<Scalar<V>>& geometry, const Kernel<Scalar<V>>& kernel,
                     const Tile& tile, Complex<V>* work) {
  const Scalar<V> scale = geometry.scale, half = scale / 2;
  const FftPlan<Scalar<V>>& plan = geometry.plan;
  for (std::int64_t k = 0; 2 * k <= plan.length; ++k) {
    const std::int64_t mirror = plan.length - k;
    const Scalar<V>* turn = plan.quarter_turns.data() + 2 * k;
    Complex<V>*z = work + plan.bins[k], *z_mirror = work + plan.bins[k == 0 ? 0 : mirror];
    for (int g = 0; g < tile.count; ++g, z += plan.work_size, z_mirror += plan.work_size) {
      const Complex<V> h = kernel.template real<V>(tile[g], k);
      if (k == 0) {
        *z = scaled(times(*z, h), scale);
        continue;
      }
      PairBin<V> u = rotated(separate(*z, *z_mirror), turn[0], turn[1]);
      u.re = scaled(times(u.re, h), half);
      u.im = scaled(times(u.im, kernel.template real<V>(tile[g], mirror)), half);
      u = rotated(u, turn[0], -turn[1]);
      *z_mirror = combine_mirror(u);
      *z = combine(u);
    }
  }
}

/// Sink of the inverse transform: everything FftConv does after it.
template <class V, class Tile>
struct ConvWriter {
  static constexpr bool kFused = !Tile::kTail;
  using T = Scalar<V>;
  GatedReader<V, Tile> u;
  const T* skip;
  Columns<const T> gate_out, add;
  Columns<T> c, y;

  ORCHID_INLINE void operator()(std::int64_t n, int g, Complex<V> value) const {
    const std::int64_t row = u.order(n);
    if (row >= y.rows) return;
    const auto pairs = u.tile[g];
    if (skip) value = value + times(pairs.load(skip), u.row(row, g));
    if (c) pairs.store(c.row(row), value);
    if (gate_out) value = times(value, pairs.load(gate_out.row(row)));
    if (add) value = value + pairs.load(add.row(row));
    pairs.store(y.row(row), value);
  }
};

template <class T>
void convolve(Context& ctx, const ops::FftConv& op) {
  const Geometry<T> geometry = make_geometry<T>(ctx, op, op.y->shape());
  const FftPlan<T>& fft = geometry.plan;
  const auto x = columns<T>(op.x.tensor, op.x_column);
  const auto gate_in = columns<T>(op.gate_in.tensor, op.gate_in_column);
  const auto gate_out = columns<T>(op.gate_out.tensor, op.gate_out_column);
  const auto add = columns<T>(op.add.tensor);
  const auto c = mutable_columns<T>(op.c.tensor), y = mutable_columns<T>(op.y.tensor);
  const auto sample = [&]<class V, class Tile>(const Tile& tile, std::int64_t b, Complex<V>* work) {
    const GatedReader<V, Tile> u{geometry.order, x.sample(b), gate_in.sample(b), tile};
    forward<V>(fft, u, tile.count, work);
    const Kernel<T> kernel = make_kernel(geometry, op, b);
    if (geometry.order.cosine) {
      multiply_cosine<V>(geometry, kernel, tile, work);
    } else {
      multiply_fourier<V>(geometry, kernel, tile, work);
    }
    const ConvWriter<V, Tile> writer{
        u, values<T>(op.skip), gate_out.sample(b), add.sample(b), c.sample(b), y.sample(b)};
    inverse<V>(fft, work, tile.count, writer);
  };
  with_tiles<T>(ctx, geometry.width, op.y->shape()[0], fft.work_size,
                [&](const TilePlan& plan, auto vector) {
                  for_each_tile<decltype(vector)>(ctx, plan, sample);
                });
}

}  // namespace
}  // namespace orchid::cpu

void orchid::ops::FftConv::cpu(Context& ctx) const {
  if (short_weight.defined()) {
    Tensor q;
    return cpu::after_short_convolution(ctx, *this, q).cpu(ctx);
  }
  dispatch_float(y->dtype(), [&](auto zero) { cpu::convolve<decltype(zero)>(ctx, *this); });
}
