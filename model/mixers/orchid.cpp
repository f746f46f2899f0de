#include "model/mixers/orchid.h"

#include <cmath>

#include "kernels/ops/arithmetic.h"
#include "kernels/ops/fft_conv.h"
#include "kernels/ops/sequence_conv.h"

namespace orchid::model {

/// What one forward keeps, besides what its parts put on the tape.
struct OrchidMixer::Saved {
  Tensor mask;  ///< undefined: no masking
  Tensor x;
  Tensor p;
  Tensor q;                     ///< undefined where the long convolution makes it of p
  Tensor spectra;               ///< T(k_o): (filters, F, C)
  Tensor residual_spectrum;     ///< T(k_res): (1, F, C)
  std::vector<Shape> h_shapes;  ///< of the conditioning network's spectra
  std::vector<Tensor> h;        ///< as the convolutions take them
  std::vector<Tensor> inputs;   ///< of convolution o > 0
  Tensor before_gate;           ///< output of the last convolution
  Lengths n;
};

namespace {

struct SavedMask {
  Tensor mask;
};

std::int64_t table_length(const OrchidMixerConfig& config, std::int64_t length) {
  return config.table_length > 0 ? config.table_length : length;
}

void round_to_bf16(Context& ctx, Tensor& x) {
  Tensor rounded = ctx.empty(x.shape(), DType::bf16);
  run(ctx, ops::Cast{.x = x, .y = rounded});
  run(ctx, ops::Cast{.x = rounded, .y = x});
}

}  // namespace

OrchidMixer::OrchidMixer(const Init& init, const OrchidMixerConfig& config, std::int64_t width,
                         std::int64_t length)
    : config_(config),
      width_(width),
      filters_(config.order - 1),
      in_(init.at("in_linear"), width, (config.order + 1) * width),
      out_(init.at("out_linear"), width, width),
      short_weight_(init.uniform("conv1d_short.weight",
                                 {(config.order + 1) * width, 1, config.short_conv},
                                 1 / std::sqrt(static_cast<double>(config.short_conv)))),
      short_bias_(init.uniform("conv1d_short.bias", {(config.order + 1) * width},
                               1 / std::sqrt(static_cast<double>(config.short_conv)))),
      filter_(init.at("fixed_conv"), config.filter, width, filters_, table_length(config, length)),
      conditioning_(init.at("conv_kernel_nn"), config, width) {
  if (config.residual_convolution)
    residual_ = std::make_unique<StaticFilter>(init.at("fixed_conv_res"), config.filter, width, 1,
                                               table_length(config, length));
}

bool OrchidMixer::kernel_through_time() const {
  return ops::is_fourier(config_.transform) && (config_.kernel_domain == KernelDomain::time ||
                                                config_.convolution == Convolution::linear);
}

/// Where kernels are made again, so is q: the long convolution takes p and convolves what it loads.
bool OrchidMixer::short_conv_is_fused(const Context& ctx) const {
  return recomputes_kernels(ctx, config_) && filters_ == 1 &&
         config_.short_conv <= ops::kMaxShortTaps;
}

OrchidMixer::Lengths OrchidMixer::lengths(std::int64_t sequence) const {
  Lengths n{sequence, sequence, sequence, 1};
  if (!ops::is_fourier(config_.transform)) return n;
  if (config_.kernel_domain == KernelDomain::time) n.conditioning = 2 * sequence;
  if (config_.convolution == Convolution::linear) {
    n.convolution = ops::good_transform_length(2 * sequence - 1);
    const double ratio = static_cast<double>(n.convolution) / static_cast<double>(sequence);
    n.scale = config_.transform == ops::TransformKind::fft ? ratio : std::sqrt(ratio);
  }
  return n;
}

Tensor OrchidMixer::static_spectrum(Context& ctx, const StaticFilter& filter, const Lengths& n,
                                    Tape& tape) const {
  const Tensor k = filter.forward(ctx, n.sequence, tape);
  Tensor spectrum = ctx.empty({k.shape()[0], ops::spectrum_bins(config_.transform, n.convolution),
                               ops::spectrum_channels(config_.transform, width_)},
                              k.dtype());
  run(ctx, ops::Transform{
               .x = k, .spectrum = spectrum, .kind = config_.transform, .length = n.convolution});
  return spectrum;
}

void OrchidMixer::static_spectrum_grad(Context& ctx, StaticFilter& filter, const Tensor& dspectrum,
                                       const Lengths& n, Tape& tape) {
  Tensor dk = ctx.empty({dspectrum.shape()[0], n.sequence, width_}, dspectrum.dtype());
  run(ctx,
      ops::TransformGrad{
          .dspectrum = dspectrum, .dx = dk, .kind = config_.transform, .length = n.convolution});
  filter.backward(ctx, dk, tape);
}

/// Brings a kernel from the conditioning network's transform length to the convolution's, through
/// its first L samples in time. A real (zero-phase) spectrum first gets zeros as imaginary part.
Tensor OrchidMixer::kernel_spectrum(Context& ctx, const Tensor& h, const Lengths& n) const {
  if (!kernel_through_time()) return h;
  const ops::TransformKind kind = config_.transform;
  Tensor complex = h;
  if (h.shape().last() == width_) {
    complex = ctx.zeros(h.shape().with_last(2 * width_), h.dtype());
    run(ctx, ops::AddColumns{.x = h, .y = complex});
  }
  const std::int64_t batch = h.shape()[0];
  Tensor k = ctx.empty({batch, n.sequence, width_}, h.dtype());
  run(ctx,
      ops::InverseTransform{.spectrum = complex, .x = k, .kind = kind, .length = n.conditioning});
  Tensor spectrum =
      ctx.empty({batch, ops::spectrum_bins(kind, n.convolution), 2 * width_}, h.dtype());
  run(ctx, ops::Transform{.x = k, .spectrum = spectrum, .kind = kind, .length = n.convolution});
  return spectrum;
}

Tensor OrchidMixer::kernel_spectrum_grad(Context& ctx, const Tensor& dspectrum, const Shape& h,
                                         const Lengths& n) const {
  if (!kernel_through_time()) return dspectrum;
  const ops::TransformKind kind = config_.transform;
  Tensor dk = ctx.empty({h[0], n.sequence, width_}, dspectrum.dtype());
  run(ctx,
      ops::TransformGrad{.dspectrum = dspectrum, .dx = dk, .kind = kind, .length = n.convolution});
  Tensor dcomplex = ctx.empty({h[0], h[1], 2 * width_}, dk.dtype());
  run(ctx, ops::InverseTransformGrad{
               .dx = dk, .dspectrum = dcomplex, .kind = kind, .length = n.conditioning});
  if (h.last() == 2 * width_) return dcomplex;
  Tensor dh = ctx.empty(h, dk.dtype());
  run(ctx, ops::CopyColumns{.x = dcomplex, .y = dh});
  return dh;
}

/// The spectra of the data-dependent kernels, as the convolutions take them, from saved.p.
std::vector<Tensor> OrchidMixer::kernels(Context& ctx, Saved& saved, Tape& tape) const {
  std::vector<Tensor> h =
      conditioning_.forward(ctx, saved.p, config_.order * width_, saved.n.conditioning, tape);
  saved.h_shapes.clear();
  for (Tensor& kernel : h) {
    saved.h_shapes.push_back(kernel.shape());
    kernel = kernel_spectrum(ctx, kernel, saved.n);
  }
  return h;
}

/// The skip weights of one convolution: column `filter` of (D, filters).
Tensor OrchidMixer::skip_of(Context& ctx, const Parameter& skip, std::int64_t filter) const {
  if (filters_ == 1) return skip.value;
  const Tensor matrix = skip.value.reshape({width_, filters_});
  Tensor column = ctx.empty({width_, 1}, matrix.dtype());
  run(ctx, ops::CopyColumns{.x = matrix, .y = column, .column = filter});
  return column.reshape({width_});
}

/// The chain of gates and long convolutions, and the residual convolution of x.
Tensor OrchidMixer::convolve(Context& ctx, const Tensor& x, Saved& saved) const {
  const Lengths& n = saved.n;
  const Shape spectrum{saved.spectra.shape()[1], saved.spectra.shape()[2]};
  Tensor residual;
  if (residual_) {
    residual = ctx.empty(x.shape(), x.dtype());
    const Tensor h0 = saved.residual_spectrum.slice(0, spectrum);
    run(ctx, ops::FftConv{.x = x,
                          .gate_in = {},
                          .h0 = h0,
                          .h = {},
                          .skip = residual_->skip().value,
                          .gate_out = {},
                          .add = {},
                          .c = {},
                          .y = residual,
                          .kind = config_.transform,
                          .length = n.convolution,
                          .scale = n.scale});
  }
  const bool fused = !saved.q.defined();
  const Tensor& source = fused ? saved.p : saved.q;
  Tensor y = source;
  for (std::int64_t o = 0; o < filters_; ++o) {
    const bool last = o + 1 == filters_;
    const Tensor h0 = saved.spectra.slice(o * spectrum.count(), spectrum);
    const Tensor skip = skip_of(ctx, filter_.skip(), o);
    if (o > 0) saved.inputs.push_back(y);
    Tensor next = last && residual_ ? residual : ctx.empty(x.shape(), x.dtype());
    if (last) saved.before_gate = ctx.empty(x.shape(), x.dtype());
    Tensor before_gate = last ? saved.before_gate : Tensor();
    run(ctx, ops::FftConv{.x = y,
                          .gate_in = source,
                          .h0 = h0,
                          .h = saved.h[static_cast<std::size_t>(o)],
                          .skip = skip,
                          .gate_out = last ? OptionalIn(source) : OptionalIn(),
                          .add = last ? OptionalIn(residual) : OptionalIn(),
                          .short_weight = fused ? short_weight_.value : Tensor(),
                          .short_bias = fused ? short_bias_.value : Tensor(),
                          .c = before_gate,
                          .y = next,
                          .kind = config_.transform,
                          .length = n.convolution,
                          .scale = n.scale,
                          .chained = filters_ > 1,
                          .x_column = o == 0 ? config_.order * width_ : 0,
                          .gate_in_column = (config_.order - 1 - o) * width_,
                          .gate_out_column = 0});
    y = next;
  }
  return y;
}

Tensor OrchidMixer::forward(Context& ctx, const Tensor& input, const Tensor& mask,
                            Tape& tape) const {
  Saved saved;
  saved.mask = config_.mask_padding ? mask : Tensor();
  saved.x = input;
  if (saved.mask.defined()) {
    saved.x = ctx.empty(input.shape(), input.dtype());
    run(ctx, ops::MaskRows{.x = input, .mask = saved.mask, .y = saved.x});
  }
  saved.n = lengths(input.shape()[1]);

  saved.p = in_.forward(ctx, saved.x, tape);
  if (ctx.simulates_bf16()) round_to_bf16(ctx, saved.p);
  const bool recompute = recomputes_kernels(ctx, config_);
  Tape off = Tape::off();
  saved.h = kernels(ctx, saved, recompute ? off : tape);
  if (!short_conv_is_fused(ctx)) {
    saved.q = ctx.empty(saved.p.shape(), saved.p.dtype());
    run(ctx, ops::SequenceConv{.x = saved.p,
                               .weight = short_weight_.value,
                               .bias = short_bias_.value,
                               .y = saved.q,
                               .groups = saved.p.shape().last(),
                               .left = config_.short_conv - 1});
  }
  saved.spectra = static_spectrum(ctx, filter_, saved.n, tape);
  if (residual_) saved.residual_spectrum = static_spectrum(ctx, *residual_, saved.n, tape);

  const Tensor y = convolve(ctx, saved.x, saved);
  if (recompute) saved.h.clear();
  const SavedMask result{saved.mask};
  tape.save(std::move(saved));
  Tensor out = out_.forward(ctx, y, tape);
  if (result.mask.defined()) run(ctx, ops::MaskRows{.x = out, .mask = result.mask, .y = out});
  tape.save(result);
  return out;
}

/// Gradients of the chain: fills dq and the gradients of all kernels.
void OrchidMixer::convolve_grad(Context& ctx, const Tensor& dy_last, const Saved& saved, Tensor& dq,
                                Tensor& dspectra, std::vector<Tensor>& dh) {
  const Shape spectrum{dspectra.shape()[1], dspectra.shape()[2]};
  const bool fused = !saved.q.defined();
  const Tensor& source = fused ? saved.p : saved.q;
  Tensor dy = dy_last;
  for (std::int64_t o = filters_; o-- > 0;) {
    const bool last = o + 1 == filters_, first = o == 0;
    const std::size_t index = static_cast<std::size_t>(o);
    const Tensor h0 = saved.spectra.slice(o * spectrum.count(), spectrum);
    Tensor dh0 = dspectra.slice(o * spectrum.count(), spectrum);
    const Tensor skip = skip_of(ctx, filter_.skip(), o);
    Tensor dskip = filters_ == 1 ? filter_.skip().grad : ctx.zeros({width_}, ctx.accumulate());
    const Tensor& x = first ? source : saved.inputs[index - 1];
    Tensor dx = first ? dq : ctx.empty(dy.shape(), dy.dtype());
    dh[index] = ctx.empty(saved.h[index].shape(), ctx.accumulate());
    run(ctx, ops::FftConvGrad{.dy = dy,
                              .x = x,
                              .gate_in = source,
                              .h0 = h0,
                              .h = saved.h[index],
                              .skip = skip,
                              .gate_out = last ? OptionalIn(source) : OptionalIn(),
                              .c = last ? OptionalIn(saved.before_gate) : OptionalIn(),
                              .short_weight = fused ? short_weight_.value : Tensor(),
                              .short_bias = fused ? short_bias_.value : Tensor(),
                              .dx = dx,
                              .dgate_in = dq,
                              .dgate_out = last ? OptionalOut(dq) : OptionalOut(),
                              .dh0 = dh0,
                              .dh = dh[index],
                              .dskip = dskip,
                              .kind = config_.transform,
                              .length = saved.n.convolution,
                              .scale = saved.n.scale,
                              .chained = filters_ > 1,
                              .x_column = first ? config_.order * width_ : 0,
                              .gate_in_column = (config_.order - 1 - o) * width_,
                              .gate_out_column = 0});
    if (filters_ > 1) {
      Tensor matrix = filter_.skip().grad.reshape({width_, filters_});
      const Tensor column = dskip.reshape({width_, 1});
      run(ctx, ops::AddColumns{.x = column, .y = matrix, .column = o});
    }
    dy = dx;
  }
}

Tensor OrchidMixer::backward(Context& ctx, const Tensor& dout, Tape& tape) {
  const auto [mask] = tape.take<SavedMask>();
  Tensor dmasked = dout;
  if (mask.defined()) {
    dmasked = ctx.empty(dout.shape(), dout.dtype());
    run(ctx, ops::MaskRows{.x = dout, .mask = mask, .y = dmasked});
  }
  const Tensor dy = out_.backward(ctx, dmasked, tape);
  Saved saved = tape.take<Saved>();

  Tensor dx_residual;
  if (residual_) {
    const Shape spectrum{saved.residual_spectrum.shape()[1], saved.residual_spectrum.shape()[2]};
    const Tensor h0 = saved.residual_spectrum.slice(0, spectrum);
    Tensor dspectrum = ctx.zeros(saved.residual_spectrum.shape(), ctx.accumulate());
    Tensor dh0 = dspectrum.slice(0, spectrum);
    dx_residual = ctx.empty(saved.x.shape(), dy.dtype());
    run(ctx, ops::FftConvGrad{.dy = dy,
                              .x = saved.x,
                              .gate_in = {},
                              .h0 = h0,
                              .h = {},
                              .skip = residual_->skip().value,
                              .gate_out = {},
                              .c = {},
                              .dx = dx_residual,
                              .dgate_in = {},
                              .dgate_out = {},
                              .dh0 = dh0,
                              .dh = {},
                              .dskip = residual_->skip().grad,
                              .kind = config_.transform,
                              .length = saved.n.convolution,
                              .scale = saved.n.scale});
    static_spectrum_grad(ctx, *residual_, dspectrum, saved.n, tape);
  }
  Tensor dq = ctx.empty(saved.p.shape(), dy.dtype());
  Tensor dspectra = ctx.zeros(saved.spectra.shape(), ctx.accumulate());
  Tape again = tape.fresh();
  Tape& conditioning_tape = recomputes_kernels(ctx, config_) ? again : tape;
  if (recomputes_kernels(ctx, config_)) saved.h = kernels(ctx, saved, again);
  std::vector<Tensor> dh(saved.h.size());
  convolve_grad(ctx, dy, saved, dq, dspectra, dh);
  static_spectrum_grad(ctx, filter_, dspectra, saved.n, tape);

  Tensor dp = ctx.empty(saved.p.shape(), dy.dtype());
  run(ctx, ops::SequenceConvGrad{.dy = dq,
                                 .x = saved.p,
                                 .weight = short_weight_.value,
                                 .dx = dp,
                                 .dweight = short_weight_.grad,
                                 .dbias = short_bias_.grad,
                                 .groups = saved.p.shape().last(),
                                 .left = config_.short_conv - 1});
  for (std::size_t o = 0; o < dh.size(); ++o)
    dh[o] = kernel_spectrum_grad(ctx, dh[o], saved.h_shapes[o], saved.n);
  const Tensor dv = conditioning_.backward(ctx, dh, conditioning_tape);
  run(ctx, ops::AddColumns{.x = dv, .y = dp, .column = config_.order * width_});

  Tensor dx = in_.backward(ctx, dp, tape);
  if (dx_residual.defined()) run(ctx, ops::AddScaled{.x = dx_residual, .y = dx});
  if (mask.defined()) run(ctx, ops::MaskRows{.x = dx, .mask = mask, .y = dx});
  return dx;
}

void OrchidMixer::visit(const std::string& prefix, const Visitor& visitor) {
  in_.visit(join(prefix, "in_linear"), visitor);
  if (visitor.parameter) {
    visitor.parameter(join(prefix, "conv1d_short.weight"), short_weight_);
    visitor.parameter(join(prefix, "conv1d_short.bias"), short_bias_);
  }
  filter_.visit(join(prefix, "fixed_conv"), visitor);
  if (residual_) residual_->visit(join(prefix, "fixed_conv_res"), visitor);
  conditioning_.visit(join(prefix, "conv_kernel_nn"), visitor);
  out_.visit(join(prefix, "out_linear"), visitor);
}

}  // namespace orchid::model
