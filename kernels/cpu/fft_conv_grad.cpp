#include <cstring>

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

/// From u = T(u) and g = T(dc), Fourier: writes dH and turns g into T(dc) conj(H).
template <class V, class Pairs>
void grad_fourier(const Geometry<Scalar<V>>& geometry, const Kernel<Scalar<V>>& kernel,
                  const KernelGrad<Scalar<V>>& grad, const Pairs& pairs,
                  std::pair<const Complex<V>*, Complex<V>*> spectra) {
  const auto [us, gs] = spectra;
  const Scalar<V> scale = geometry.scale, half = scale / 2;
  const std::int64_t length = geometry.length();
  const std::int32_t* bins = geometry.plan.bins.data();
  for (std::int64_t f = 0; 2 * f <= length; ++f) {
    const std::int64_t at = bins[f], mirror = bins[f == 0 ? 0 : length - f];
    const Complex<V> h_re = kernel.template real<V>(pairs, f);
    if (at == mirror) {
      grad.real(pairs, f, scaled(times(gs[at], us[at]), scale));
      grad.imaginary(pairs, f, Complex<V>{});
      gs[at] = scaled(times(gs[at], h_re), scale);
      continue;
    }
    const Complex<V> h_im = kernel.template imaginary<V>(pairs, f);
    const PairBin<V> u = separate(us[at], us[mirror]), g = separate(gs[at], gs[mirror]);
    grad.real(pairs, f, scaled(times(g.re, u.re) + times(g.im, u.im), half));
    grad.imaginary(pairs, f, scaled(times(g.im, u.re) - times(g.re, u.im), half));
    const PairBin<V> du{scaled(times(g.re, h_re) + times(g.im, h_im), half),
                        scaled(times(g.im, h_re) - times(g.re, h_im), half)};
    gs[at] = combine(du);
    gs[mirror] = combine_mirror(du);
  }
}

/// The same for cosine kinds; see multiply_cosine.
template <class V, class Pairs>
void grad_cosine(const Geometry<Scalar<V>>& geometry, const Kernel<Scalar<V>>& kernel,
                 const KernelGrad<Scalar<V>>& grad, const Pairs& pairs,
                 std::pair<const Complex<V>*, Complex<V>*> spectra) {
  using T = Scalar<V>;
  const auto [us, gs] = spectra;
  const T scale = geometry.scale, half = scale / 2;
  const std::int64_t length = geometry.length();
  const std::int32_t* bins = geometry.plan.bins.data();
  grad.real(pairs, 0, scaled(times(gs[bins[0]], us[bins[0]]), scale));
  gs[bins[0]] = scaled(times(gs[bins[0]], kernel.template real<V>(pairs, 0)), scale);
  for (std::int64_t k = 1; 2 * k <= length; ++k) {
    const std::int64_t at = bins[k], mirror = bins[length - k];
    const T* turn = geometry.plan.quarter_turns.data() + 2 * k;
    const PairBin<V> u = rotated(separate(us[at], us[mirror]), turn[0], turn[1]);
    PairBin<V> g = rotated(separate(gs[at], gs[mirror]), turn[0], turn[1]);
    grad.real(pairs, k, scaled(times(g.re, u.re), half));
    if (at != mirror) grad.real(pairs, length - k, scaled(times(g.im, u.im), half));
    g.re = scaled(times(g.re, kernel.template real<V>(pairs, k)), half);
    g.im = scaled(times(g.im, kernel.template real<V>(pairs, length - k)), half);
    g = rotated(g, turn[0], -turn[1]);
    gs[mirror] = combine_mirror(g);
    gs[at] = combine(g);
  }
}

/// Sink of the inverse transform: takes the convolution's part of du.
template <class V, class Pairs>
struct GradWriter {
  static constexpr bool kFused = !Pairs::kTail;
  using T = Scalar<V>;
  RowOrder order;
  Pairs pairs;
  Columns<const T> x, gate_in, dy, gate_out, c;
  Columns<T> dx, dgate_in, dgate_out;
  bool has_skip, accumulate_dx;
  Complex<V> skip;
  Complex<V>* dskip;  ///< sum of dc * u so far

  ORCHID_INLINE void operator()(std::int64_t n, Complex<V> du) const {
    const std::int64_t row = order(n);
    if (row >= dx.rows) return;
    const Complex<V> input = pairs.load(x.row(row));
    const Complex<V> gate = gate_in ? pairs.load(gate_in.row(row)) : Complex<V>{};
    if (has_skip || dgate_out) {
      const Complex<V> out = pairs.load(dy.row(row));
      const Complex<V> dc = gate_out ? times(out, pairs.load(gate_out.row(row))) : out;
      if (dgate_out) pairs.store(dgate_out.row(row), times(out, pairs.load(c.row(row))));
      if (has_skip) {
        du = du + times(skip, dc);
        *dskip = *dskip + times(dc, gate_in ? times(input, gate) : input);
      }
    }
    if (dgate_in) pairs.store(dgate_in.row(row), times(input, du));
    if (gate_in) du = times(gate, du);
    if (accumulate_dx) du = du + pairs.load(dx.row(row));
    pairs.store(dx.row(row), du);
  }
};

/// Sums over the batch go to `parts` partial sums of consecutive samples, added up at the end in
/// order. Their number depends on sizes alone: as many as give a machine with a few cores work.
template <class T>
struct PartialSums {
  static constexpr std::int64_t kLeastItems = 16;

  std::int64_t parts;
  Tensor dh0, dskip;  ///< (parts, F, C), (parts, D); dh0 undefined for one part

  PartialSums(Context& ctx, const ops::FftConvGrad& op, std::int64_t batch, std::int64_t width) {
    const std::int64_t blocks = channel_blocks<T>(width);
    parts = std::min(batch, (kLeastItems + blocks - 1) / blocks);
    if (parts > 1) dh0 = ctx.empty({parts, op.h0->shape()[0], op.h0->shape()[1]}, op.h0->dtype());
    if (op.dskip.defined()) dskip = ctx.empty({parts, width}, op.h0->dtype());
  }

  T* dh0_of(const ops::FftConvGrad& op, std::int64_t part) {
    return parts > 1 ? dh0.data<T>() + part * op.dh0->count() : op.dh0->data<T>();
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

/// The gradient of one op: operands, and what to do with one sample's pairs of channels.
template <class T>
struct Gradient {
  const ops::FftConvGrad& op;
  Geometry<T> g;
  Columns<const T> dy, x, gate_in, gate_out, c;
  Columns<T> dx, dgate_in, dgate_out;

  Gradient(Context& ctx, const ops::FftConvGrad& o)
      : op(o),
        g(make_geometry<T>(ctx, o, o.dy->shape())),
        dy(columns<T>(o.dy.tensor)),
        x(columns<T>(o.x.tensor, o.x_column)),
        gate_in(columns<T>(o.gate_in.tensor, o.gate_in_column)),
        gate_out(columns<T>(o.gate_out.tensor, o.gate_out_column)),
        c(columns<T>(o.c.tensor)),
        dx(mutable_columns<T>(o.dx.tensor, o.x_column)),
        dgate_in(mutable_columns<T>(o.dgate_in.tensor, o.gate_in_column)),
        dgate_out(mutable_columns<T>(o.dgate_out.tensor, o.gate_out_column)) {}

  /// Elements of `work`: both spectra, apart by a little more than a power of two.
  std::int64_t work_size() const { return 2 * g.plan.work_size + 4; }

  template <class V, class Pairs>
  void sample(const Pairs& pairs, std::int64_t b, Complex<V>* work, T* dh0, bool assign,
              Complex<V>* dskip) const {
    Complex<V>*us = work, *gs = work + g.plan.work_size + 4;
    const GatedReader<V, Pairs> u{g.order, x.sample(b), gate_in.sample(b), pairs};
    const GatedReader<V, Pairs> dc{g.order, dy.sample(b), gate_out.sample(b), pairs};
    forward<V>(g.plan, u, us);
    forward<V>(g.plan, dc, gs);
    const Kernel<T> kernel = make_kernel(g, op, b);
    T* dh = op.dh.defined() ? op.dh->template data<T>() + b * g.bins * kernel.h_channels : nullptr;
    const KernelGrad<T> grad{dh0, dh, assign, g.width, g.channels(), kernel.h_channels};
    if (g.order.cosine) {
      grad_cosine<V>(g, kernel, grad, pairs, {us, gs});
    } else {
      grad_fourier<V>(g, kernel, grad, pairs, {us, gs});
    }
    const T* skip = values<T>(op.skip);
    const GradWriter<V, Pairs> writer{g.order,
                                      pairs,
                                      u.x,
                                      u.gate,
                                      dc.x,
                                      dc.gate,
                                      c.sample(b),
                                      dx.sample(b),
                                      dgate_in.sample(b),
                                      dgate_out.sample(b),
                                      skip != nullptr,
                                      op.accumulate_dx,
                                      skip ? pairs.load(skip) : Complex<V>{},
                                      dskip};
    inverse<V>(g.plan, gs, writer);
  }
};

template <class T>
void convolve_grad(Context& ctx, const ops::FftConvGrad& op) {
  const Gradient<T> gradient(ctx, op);
  const std::int64_t batch = op.dy->shape()[0], width = gradient.g.width;
  PartialSums<T> sums(ctx, op, batch, width);
  const std::int64_t parts = sums.parts;
  with_vector<T>(ctx, width, parts, gradient.work_size(), [&](auto vector) {
    using V = decltype(vector);
    for_each_pairs<V>(ctx, width, parts, gradient.work_size(),
                      [&](const auto& pairs, std::int64_t part, Complex<V>* work) {
                        const std::int64_t begin = batch * part / parts,
                                           end = batch * (part + 1) / parts;
                        Complex<V> dskip{};
                        for (std::int64_t b = begin; b < end; ++b) {
                          Complex<V> dskip_sample{};
                          gradient.sample(pairs, b, work, sums.dh0_of(op, part),
                                          parts > 1 && b == begin, &dskip_sample);
                          dskip = dskip + dskip_sample;
                        }
                        if (sums.dskip.defined())
                          pairs.store(sums.dskip.template data<T>() + part * width, dskip);
                      });
  });
  sums.add_to(ctx, op.dh0.tensor, sums.dh0);
  sums.add_to(ctx, op.dskip.tensor, sums.dskip);
}

}  // namespace
}  // namespace orchid::cpu

void orchid::ops::FftConvGrad::cpu(Context& ctx) const {
  dispatch_float(dy->dtype(), [&](auto zero) { cpu::convolve_grad<decltype(zero)>(ctx, *this); });
}
