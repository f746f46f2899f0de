#pragma once

#include "kernels/cpu/channel_tiles.h"
#include "kernels/cpu/pair_bins.h"
#include "kernels/cpu/untraced.h"
#include "kernels/ops/fft_conv.h"
#include "kernels/ops/sequence_conv.h"

/// What FftConv and its gradient share.
namespace orchid::cpu {

/// D columns of a (B, L, width) operand; without data when it is left out.
template <class T>
struct Columns {
  T* data = nullptr;
  std::int64_t stride = 0;  ///< between rows
  std::int64_t rows = 0;    ///< L

  explicit operator bool() const { return data != nullptr; }
  Columns sample(std::int64_t b) const {
    return data ? Columns{data + b * rows * stride, stride, rows} : Columns{};
  }
  T* row(std::int64_t n) const { return data + n * stride; }
};

template <class T>
Columns<const T> columns(const Tensor* tensor, std::int64_t first = 0) {
  if (!tensor) return {};
  return {tensor->data<T>() + first, tensor->shape()[2], tensor->shape()[1]};
}
template <class T>
Columns<T> mutable_columns(Tensor* tensor, std::int64_t first = 0) {
  if (!tensor) return {};
  return {tensor->data<T>() + first, tensor->shape()[2], tensor->shape()[1]};
}

/// A vector per channel, such as skip: null when left out.
template <class T>
const T* values(const OptionalIn& operand) {
  return operand.defined() ? operand->data<T>() : nullptr;
}

/// The op on columns of q, which is computed here, in place of p and the short convolution.
template <class Op>
Op after_short_convolution(Context& ctx, const Op& op, Tensor& q) {
  const Untraced untraced(ctx);
  q = ctx.empty(op.x->shape(), op.x->dtype());
  run(ctx, ops::SequenceConv{.x = *op.x,
                             .weight = *op.short_weight,
                             .bias = op.short_bias,
                             .y = q,
                             .groups = q.shape()[2],
                             .left = op.short_weight->shape()[2] - 1});
  Op plain = op;
  plain.x = q;
  if (op.gate_in.defined()) plain.gate_in = q;
  if (op.gate_out.defined()) plain.gate_out = q;
  plain.short_weight = plain.short_bias = {};
  return plain;
}

template <class T>
struct Geometry {
  const FftPlan<T>& plan;
  RowOrder order;
  std::int64_t rows;   ///< L
  std::int64_t width;  ///< D
  std::int64_t bins;   ///< F
  T scale;             ///< of the op, over N

  std::int64_t channels() const { return order.cosine ? width : 2 * width; }
  std::int64_t length() const { return plan.length; }
};

template <class T, class Op>
Geometry<T> make_geometry(Context& ctx, const Op& op, const Shape& signal) {
  return {.plan = fft_plan<T>(ctx, op.length),
          .order = {op.length, !ops::is_fourier(op.kind)},
          .rows = signal[1],
          .width = signal[2],
          .bins = ops::spectrum_bins(op.kind, op.length),
          .scale = static_cast<T>(op.scale / static_cast<double>(op.length))};
}

/// Source of a transform: gate * x of one sample, zero from row L on.
template <class V, class Tile>
struct GatedReader {
  static constexpr bool kFused = !Tile::kTail;
  using T = Scalar<V>;
  RowOrder order;
  Columns<const T> x, gate;
  Tile tile;

  ORCHID_INLINE Complex<V> row(std::int64_t n, int g) const {
    const Complex<V> value = tile[g].load(x.row(n));
    return gate ? times(value, tile[g].load(gate.row(n))) : value;
  }
  ORCHID_INLINE Complex<V> operator()(std::int64_t n, int g) const {
    const std::int64_t at = order(n);
    return at < x.rows ? row(at, g) : Complex<V>{};
  }
};

/// h0 + h of one sample. Strides are in channels: those of h are D for a real spectrum.
template <class T>
struct Kernel {
  const T* h0;
  const T* h;
  std::int64_t width, channels, h_channels;

  template <class V, class Pairs>
  ORCHID_INLINE Complex<V> real(const Pairs& pairs, std::int64_t f) const {
    const Complex<V> fixed = pairs.load(h0 + f * channels);
    return h ? fixed + pairs.load(h + f * h_channels) : fixed;
  }
  template <class V, class Pairs>
  ORCHID_INLINE Complex<V> imaginary(const Pairs& pairs, std::int64_t f) const {
    const Complex<V> fixed = pairs.load(h0 + f * channels + width);
    const bool has_phase = h && h_channels > width;
    return has_phase ? fixed + pairs.load(h + f * h_channels + width) : fixed;
  }
};

template <class T, class Op>
Kernel<T> make_kernel(const Geometry<T>& g, const Op& op, std::int64_t b) {
  const std::int64_t h_channels = op.h.defined() ? op.h->shape()[2] : 0;
  const T* h = values<T>(op.h);
  return {op.h0->template data<T>(), h ? h + b * g.bins * h_channels : nullptr, g.width,
          g.channels(), h_channels};
}

}  // namespace orchid::cpu
