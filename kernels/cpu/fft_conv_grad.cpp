#include "kernels/cpu/fft_conv.h"

namespace orchid::cpu {
namespace {

/// Where the gradient of the kernel goes: that of one sample to dh, and on top of dh0.
template <class T>
struct KernelGrad {
  T* dh0;
  T* dh;        ///< null when left out
  bool assign;  ///< dh0 =, not +=
  std::int64_t width, channels, h_channels;

  template <class V, class Pairs>
  ORCHID_INLINE void real(const Pairs& pairs, std::int64_t f, Complex<V> value) const {
    put(pairs, dh0 + f * channels, value);
    if (dh) pairs.store(dh + f * h_channels, value);
  }
  template <class V, class Pairs>
  ORCHID_INLINE void imaginary(const Pairs& pairs, std::int64_t f, Complex<V> value) const {
    put(pairs, dh0 + f * channels + width, value);
    if (dh && h_channels > width) pairs.store(dh + f * h_channels + width, value);
  }

 private:
  template <class V, class Pairs>
  ORCHID_INLINE void put(const Pairs& pairs, T* row, Complex<V> value) const {
    pairs.store(row, assign ? value : value + pairs.load(row));
  }
};

/// Transforms of u and dc, a tile of each.
template <class V>
struct Spectra {
  const Complex<V>* u;
  Complex<V>* g;
};

/// From u = T(u) and g = T(dc), Fourier: writes dH and turns g into T(dc) conj(H).
template <class V, class Tile>
void grad_fourier(const Geometry<Scalar<V>>& geometry, const Kernel<Scalar<V>>& kernel,
                  const KernelGrad<Scalar<V>>& grad, const Tile& tile, Spectra<V> spectra) {
  const Scalar<V> scale = geometry.scale, half = scale / 2;
  const FftPlan<Scalar<V>>& plan = geometry.plan;
  for (std::int64_t f = 0; 2 * f <= plan.length; ++f) {
    std::int64_t at = plan.bins[f], mirror = plan.bins[f == 0 ? 0 : plan.length - f];
    for (int i = 0; i < tile.count; ++i, at += plan.work_size, mirror += plan.work_size) {
      const auto pairs = tile[i];
      Complex<V>&z = spectra.g[at], &z_mirror = spectra.g[mirror];
      const Complex<V> h_re = kernel.template real<V>(pairs, f);
      if (at == mirror) {
        grad.real(pairs, f, scaled(times(z, spectra.u[at]), scale));
        grad.imaginary(pairs, f, Complex<V>{});
        z = scaled(times(z, h_re), scale);
        continue;
      }
      const Complex<V> h_im = kernel.template imaginary<V>(pairs, f);
      const PairBin<V> u = separate(spectra.u[at], spectra.u[mirror]), g = separate(z, z_mirror);
      grad.real(pairs, f, scaled(times(g.re, u.re) + times(g.im, u.im), half));
      grad.imaginary(pairs, f, scaled(times(g.im, u.re) - times(g.re, u.im), half));
      const PairBin<V> du{scaled(times(g.re, h_re) + times(g.im, h_im), half),
                          scaled(times(g.im, h_re) - times(g.re, h_im), half)};
      z = combine(du);
      z_mirror = combine_mirror(du);
    }
  }
}

/// The same for cosine kinds; see multiply_cosine.
template <class V, class Tile>
void grad_cosine(const Geometry<Scalar<V>>& geometry, const Kernel<Scalar<V>>& kernel,
                 const KernelGrad<Scalar<V>>& grad, const Tile& tile, Spectra<V> spectra) {
  const Scalar<V> scale = geometry.scale, half = scale / 2;
  const FftPlan<Scalar<V>>& plan = geometry.plan;
  for (std::int64_t k = 0; 2 * k <= plan.length; ++k) {
    const std::int64_t mirror_k = plan.length - k;
    std::int64_t at = plan.bins[k], mirror = plan.bins[k == 0 ? 0 : mirror_k];
    const Scalar<V>* turn = plan.quarter_turns.data() + 2 * k;
    for (int i = 0; i < tile.count; ++i, at += plan.work_size, mirror += plan.work_size) {
      const auto pairs = tile[i];
      Complex<V>&z = spectra.g[at], &z_mirror = spectra.g[mirror];
      const Complex<V> h = kernel.template real<V>(pairs, k);
      if (k == 0) {
        grad.real(pairs, 0, scaled(times(z, spectra.u[at]), scale));
        z = scaled(times(z, h), scale);
        continue;
      }
      const PairBin<V> u = rotated(separate(spectra.u[at], spectra.u[mirror]), turn[0], turn[1]);
      PairBin<V> g = rotated(separate(z, z_mirror), turn[0], turn[1]);
      grad.real(pairs, k, scaled(times(g.re, u.re), half));
      if (at != mirror) grad.real(pairs, mirror_k, scaled(times(g.im, u.im), half));
      g.re = scaled(times(g.re, h), half);
      g.im = scaled(times(g.im, kernel.template real<V>(pairs, mirror_k)), half);
      g = rotated(g, turn[0], -turn[1]);
      z_mirror = combine_mirror(g);
      z = combine(g);
    }
  }
}

/// Sink of the inverse transform: takes the convolution's part of du.
template <class V, class Tile>
struct GradWriter {
  static constexpr bool kFused = !Tile::kTail;
  using T = Scalar<V>;
  GatedReader<V, Tile> u, dc;
  Columns<const T> c;
  Columns<T> dx, dgate_in, dgate_out;
  bool accumulate_dx;
  const T* skip;
  Complex<V>* dskip;  ///< sum of dc * u so far, by vector of the tile

  ORCHID_INLINE void operator()(std::int64_t n, int g, Complex<V> du) const {
    const std::int64_t row = u.order(n);
    if (row >= dx.rows) return;
    const auto pairs = u.tile[g];
    const Complex<V> input = pairs.load(u.x.row(row));
    const Complex<V> gate = u.gate ? pairs.load(u.gate.row(row)) : Complex<V>{};
    if (skip) {
      const Complex<V> out = dc.row(row, g);
      du = du + times(pairs.load(skip), out);
      dskip[g] = dskip[g] + times(out, u.gate ? times(input, gate) : input);
    }
    if (dgate_out) {
      const Complex<V> dy = pairs.load(dc.x.row(row));
      pairs.store(dgate_out.row(row), times(dy, pairs.load(c.row(row))));
    }
    if (dgate_in) pairs.store(dgate_in.row(row), times(input, du));
    if (u.gate) du = times(gate, du);
    if (accumulate_dx) du = du + pairs.load(dx.row(row));
    pairs.store(dx.row(row), du);
  }
};

/// Sums over the batch go to `parts` partial sums of consecutive samples, added up at the end in
/// order. Their number depends on sizes alone.
template <class T>
struct PartialSums {
  static constexpr std::int64_t kMostParts = 8;

  std::int64_t parts;
  Tensor dh0, dskip;  ///< (parts, F, C), (parts, D); dh0 undefined for one part

  PartialSums(Context& ctx, const ops::FftConvGrad& op) {
    const Shape &signal = op.dy->shape(), &kernel = op.h0->shape();
    parts = std::min(signal[0], kMostParts);
    if (parts > 1) dh0 = ctx.empty({parts, kernel[0], kernel[1]}, op.h0->dtype());
    if (op.dskip.defined()) dskip = ctx.zeros({parts, signal[2]}, op.h0->dtype());
  }

  void add_to(Context& ctx, Tensor* total, const Tensor& partial) const {
    if (!total || !partial.defined()) return;
    T* sum = total->data<T>();
    const T* from = partial.data<T>();
    const std::int64_t count = total->count();
    parallel_for(ctx, count, 16384, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t p = 0; p < parts; ++p) {
        for (std::int64_t i = begin; i < end; ++i) sum[i] += from[p * count + i];
      }
    });
  }
};

/// The gradient of one op: its operands, and what to do with a tile of one sample.
template <class T>
struct Gradient {
  const ops::FftConvGrad& op;
  Geometry<T> geometry;
  Columns<const T> dy, x, gate_in, gate_out, c;
  Columns<T> dx, dgate_in, dgate_out;

  Gradient(Context& ctx, const ops::FftConvGrad& o)
      : op(o),
        geometry(make_geometry<T>(ctx, o, o.dy->shape())),
        dy(columns<T>(o.dy.tensor)),
        x(columns<T>(o.x.tensor, o.x_column)),
        gate_in(columns<T>(o.gate_in.tensor, o.gate_in_column)),
        gate_out(columns<T>(o.gate_out.tensor, o.gate_out_column)),
        c(columns<T>(o.c.tensor)),
        dx(mutable_columns<T>(o.dx.tensor, o.x_column)),
        dgate_in(mutable_columns<T>(o.dgate_in.tensor, o.gate_in_column)),
        dgate_out(mutable_columns<T>(o.dgate_out.tensor, o.gate_out_column)) {}

  /// For each vector of a tile: both spectra and an element of dskip.
  std::int64_t work_size() const { return 2 * geometry.plan.work_size + 1; }

  KernelGrad<T> kernel_grad(T* dh0, bool assign, std::int64_t b) const {
    const std::int64_t h_channels = op.h.defined() ? op.h->shape()[2] : 0;
    T* dh = op.dh.defined() ? op.dh->data<T>() + b * geometry.bins * h_channels : nullptr;
    return {dh0, dh, assign, geometry.width, geometry.channels(), h_channels};
  }

  template <class V, class Tile>
  void sample(const Tile& tile, std::int64_t b, Complex<V>* work, const KernelGrad<T>& grad) const {
    const FftPlan<T>& plan = geometry.plan;
    Complex<V>*u_bins = work, *dc_bins = work + tile.count * plan.work_size;
    const GatedReader<V, Tile> u{geometry.order, x.sample(b), gate_in.sample(b), tile};
    const GatedReader<V, Tile> dc{geometry.order, dy.sample(b), gate_out.sample(b), tile};
    forward<V>(plan, u, tile.count, u_bins);
    forward<V>(plan, dc, tile.count, dc_bins);
    const Kernel<T> kernel = make_kernel(geometry, op, b);
    if (geometry.order.cosine) {
      grad_cosine<V>(geometry, kernel, grad, tile, {u_bins, dc_bins});
    } else {
      grad_fourier<V>(geometry, kernel, grad, tile, {u_bins, dc_bins});
    }
    Complex<V>* dskip = dc_bins + tile.count * plan.work_size;
    std::fill(dskip, dskip + tile.count, Complex<V>{});
    const GradWriter<V, Tile> writer{u,
                                     dc,
                                     c.sample(b),
                                     dx.sample(b),
                                     dgate_in.sample(b),
                                     dgate_out.sample(b),
                                     op.accumulate_dx,
                                     values<T>(op.skip),
                                     dskip};
    inverse<V>(plan, dc_bins, tile.count, writer);
  }
};

template <class T>
void convolve_grad(Context& ctx, const ops::FftConvGrad& op) {
  const Gradient<T> gradient(ctx, op);
  const std::int64_t batch = op.dy->shape()[0], width = gradient.geometry.width;
  PartialSums<T> sums(ctx, op);
  const std::int64_t parts = sums.parts;
  T* dh0 = parts > 1 ? sums.dh0.template data<T>() : op.dh0->data<T>();
  T* dskip = sums.dskip.defined() ? sums.dskip.template data<T>() : nullptr;
  const auto part_of_batch = [&]<class V>(const auto& tile, std::int64_t part, Complex<V>* work) {
    const std::int64_t begin = batch * part / parts, end = batch * (part + 1) / parts;
    for (std::int64_t b = begin; b < end; ++b) {
      const bool assign = parts > 1 && b == begin;
      gradient.sample(tile, b, work, gradient.kernel_grad(dh0 + part * op.dh0->count(), assign, b));
      const Complex<V>* own = work + 2 * tile.count * gradient.geometry.plan.work_size;
      for (int g = 0; dskip && g < tile.count; ++g) {
        T* row = dskip + part * width;
        tile[g].store(row, tile[g].load(row) + own[g]);
      }
    }
  };
  with_tiles<T>(ctx, width, parts, gradient.work_size(), [&](const TilePlan& plan, auto vector) {
    for_each_tile<decltype(vector)>(ctx, plan, part_of_batch);
  });
  sums.add_to(ctx, op.dh0.tensor, sums.dh0);
  sums.add_to(ctx, op.dskip.tensor, sums.dskip);
}

}  // namespace
}  // namespace orchid::cpu

void orchid::ops::FftConvGrad::cpu(Context& ctx) const {
  if (short_weight.defined()) {
    Tensor q;
    return cpu::after_short_convolution(ctx, *this, q).cpu(ctx);
  }
  dispatch_float(dy->dtype(), [&](auto zero) { cpu::convolve_grad<decltype(zero)>(ctx, *this); });
}
