#include "model/mixers/conditioning.h"

#include "kernels/ops/arithmetic.h"
#include "kernels/ops/norm.h"
#include "kernels/ops/spectral.h"
#include "kernels/ops/transform.h"

namespace orchid::model {
namespace {

struct SavedSpectrum {
  std::int64_t time_steps;
  std::int64_t length;
  Tensor z;  ///< kept for the gradient of the power spectrum
};
struct SavedCorrelation {
  std::int64_t time_steps;
  std::int64_t length;
  Tensor k;         ///< T k
  Tensor q;         ///< T q before sigma
  Tensor q_active;  ///< sigma(T q)
  Tensor softmax;   ///< softmax of q over time, if that is sigma
};
struct SavedOutput {
  Shape shape;  ///< of the last stack's output
  DType dtype;
};

}  // namespace

ConditioningNetwork::ConditioningNetwork(const Init& init, const OrchidMixerConfig& config,
                                         std::int64_t width)
    : config_(config),
      width_(width),
      filters_(config.order - 1),
      fourier_(ops::is_fourier(config.transform)),
      sigma_(Sigma::parse(config.sigma)) {
  const bool in_frequency =
      config.conditioning == Conditioning::tf || config.conditioning == Conditioning::f;
  const std::int64_t groups = width * filters_;
  const StackShape time{width, groups, groups};
  if (config.kernel == Kernel::correlation) {
    complex_output_ = fourier_;
    time_k_ = std::make_unique<ConditioningStack>(init.at("nn_model_k"), config, time);
    time_q_ = std::make_unique<ConditioningStack>(init.at("nn_model_q"), config, time);
    if (in_frequency) {
      const std::int64_t factor = fourier_ ? 2 : 1;
      const StackShape shape{factor * width, factor * groups, groups};
      frequency_ = std::make_unique<ConditioningStack>(init.at("nn_model_frq"), config, shape);
    }
    return;
  }
  complex_output_ = fourier_ && in_frequency;
  const bool in_time = config.conditioning != Conditioning::f;
  if (in_time) time_ = std::make_unique<ConditioningStack>(init.at("nn_model"), config, time);
  if (in_frequency) {
    const std::int64_t in = fourier_ && config.kernel == Kernel::frequency ? 2 * width : width;
    const StackShape shape{in, (fourier_ ? 2 : 1) * groups, groups};
    const std::string name = in_time ? "nn_model2" : "nn_model";
    frequency_ = std::make_unique<ConditioningStack>(init.at(name), config, shape);
  }
}

Tensor ConditioningNetwork::transform(Context& ctx, const Tensor& x, std::int64_t length) const {
  const std::int64_t bins = ops::spectrum_bins(config_.transform, length);
  const std::int64_t channels = ops::spectrum_channels(config_.transform, x.shape().last());
  Tensor spectrum = ctx.empty({x.shape()[0], bins, channels}, ctx.accumulate());
  run(ctx,
      ops::Transform{.x = x, .spectrum = spectrum, .kind = config_.transform, .length = length});
  return spectrum;
}

Tensor ConditioningNetwork::transform_grad(Context& ctx, const Tensor& dspectrum,
                                           std::int64_t time_steps, std::int64_t length) const {
  const std::int64_t channels = dspectrum.shape().last() / (fourier_ ? 2 : 1);
  Tensor dx = ctx.empty({dspectrum.shape()[0], time_steps, channels}, ctx.accumulate());
  run(ctx, ops::TransformGrad{
               .dspectrum = dspectrum, .dx = dx, .kind = config_.transform, .length = length});
  return dx;
}

bool ConditioningNetwork::power_is_fused(const Context& ctx) const {
  return config_.kernel == Kernel::phase && filters_ == 1 && frequency_ &&
         frequency_->is_one_op(ctx);
}

Tensor ConditioningNetwork::forward_spectrum(Context& ctx, const Tensor& p, std::int64_t column,
                                             std::int64_t length, Tape& tape) const {
  Tensor v;
  if (time_) {
    v = time_->forward(ctx, p, column, tape);
  } else {
    v = ctx.empty(p.shape().with_last(width_), p.dtype());
    run(ctx, ops::CopyColumns{.x = p, .y = v, .column = column});
  }
  Tensor z = transform(ctx, v, length), s = z;
  if (power_is_fused(ctx)) {
    tape.save(SavedSpectrum{p.shape()[1], length, {}});
    return frequency_->forward_power(ctx, z, fourier_, tape);
  }
  if (config_.kernel == Kernel::phase) {
    s = ctx.empty(z.shape().with_last(width_), z.dtype());
    run(ctx, ops::Power{.z = z, .s = s, .complex = fourier_});
  }
  tape.save(SavedSpectrum{p.shape()[1], length, z});
  return frequency_ ? frequency_->forward(ctx, s, 0, tape) : s;
}

Tensor ConditioningNetwork::backward_spectrum(Context& ctx, const Tensor& dz, Tape& tape) {
  const bool fused = power_is_fused(ctx);
  Tensor ds = fused        ? frequency_->backward_power(ctx, dz, fourier_, tape)
              : frequency_ ? frequency_->backward(ctx, dz, tape)
                           : dz;
  const auto [time_steps, length, z] = tape.take<SavedSpectrum>();
  if (config_.kernel == Kernel::phase && !fused) {
    Tensor dspectrum = ctx.empty(z.shape(), z.dtype());
    run(ctx, ops::PowerGrad{.ds = ds, .z = z, .dz = dspectrum, .complex = fourier_});
    ds = dspectrum;
  }
  const Tensor dv = transform_grad(ctx, ds, time_steps, length);
  return time_ ? time_->backward(ctx, dv, tape) : dv;
}

Tensor ConditioningNetwork::forward_correlation(Context& ctx, const Tensor& p, std::int64_t column,
                                                std::int64_t length, Tape& tape) const {
  Tensor q = time_q_->forward(ctx, p, column, tape);
  const Tensor k = time_k_->forward(ctx, p, column, tape);
  SavedCorrelation saved{p.shape()[1], length, transform(ctx, k, length), {}, {}, {}};
  if (sigma_.softmax) {
    saved.softmax = ctx.empty(q.shape(), q.dtype());
    run(ctx, ops::SequenceSoftmax{.x = q, .y = saved.softmax});
    q = saved.softmax;
  }
  saved.q = saved.q_active = transform(ctx, q, length);
  if (!sigma_.identity() && !sigma_.softmax) {
    saved.q_active = ctx.empty(saved.q.shape(), saved.q.dtype());
    run(ctx, ops::SpectralActivation{.z = saved.q,
                                     .y = saved.q_active,
                                     .complex = fourier_,
                                     .magnitude = sigma_.magnitude,
                                     .kind = sigma_.kind,
                                     .parameter = sigma_.parameter});
  }
  Tensor s = ctx.empty(saved.k.shape(), saved.k.dtype());
  run(ctx, ops::ConjugateProduct{.k = saved.k, .q = saved.q_active, .y = s, .complex = fourier_});
  tape.save(std::move(saved));
  return frequency_ ? frequency_->forward(ctx, s, 0, tape) : s;
}

Tensor ConditioningNetwork::backward_correlation(Context& ctx, const Tensor& dz, Tape& tape) {
  const Tensor ds = frequency_ ? frequency_->backward(ctx, dz, tape) : dz;
  const SavedCorrelation saved = tape.take<SavedCorrelation>();
  Tensor dk = ctx.empty(ds.shape(), ds.dtype()), dq = ctx.empty(ds.shape(), ds.dtype());
  run(ctx,
      ops::ConjugateProductGrad{
          .dy = ds, .k = saved.k, .q = saved.q_active, .dk = dk, .dq = dq, .complex = fourier_});
  if (!sigma_.identity() && !sigma_.softmax) {
    Tensor dbefore = ctx.empty(dq.shape(), dq.dtype());
    run(ctx, ops::SpectralActivationGrad{.dy = dq,
                                         .z = saved.q,
                                         .dz = dbefore,
                                         .complex = fourier_,
                                         .magnitude = sigma_.magnitude,
                                         .kind = sigma_.kind,
                                         .parameter = sigma_.parameter});
    dq = dbefore;
  }
  Tensor dv = time_k_->backward(ctx, transform_grad(ctx, dk, saved.time_steps, saved.length), tape);
  Tensor dq_time = transform_grad(ctx, dq, saved.time_steps, saved.length);
  if (sigma_.softmax) {
    Tensor dbefore = ctx.empty(dq_time.shape(), dq_time.dtype());
    run(ctx, ops::SequenceSoftmaxGrad{.dy = dq_time, .y = saved.softmax, .dx = dbefore});
    dq_time = dbefore;
  }
  const Tensor dv_q = time_q_->backward(ctx, dq_time, tape);
  run(ctx, ops::AddScaled{.x = dv_q, .y = dv});
  return dv;
}

std::vector<Tensor> ConditioningNetwork::forward(Context& ctx, const Tensor& p, std::int64_t column,
                                                 std::int64_t length, Tape& tape) const {
  const bool correlation = config_.kernel == Kernel::correlation;
  Tensor v = p;
  if (!reads(ctx, p.dtype())) {
    v = in_full_precision(ctx, p, column);
    column = 0;
  }
  const Tensor z = correlation ? forward_correlation(ctx, v, column, length, tape)
                               : forward_spectrum(ctx, v, column, length, tape);
  tape.save(SavedOutput{z.shape(), z.dtype()});
  const bool as_it_is = filters_ == 1 && (!complex_output_ || correlation || power_is_fused(ctx));
  if (as_it_is) return {z};
  std::vector<Tensor> h;
  for (std::int64_t o = 0; o < filters_; ++o) {
    h.push_back(ctx.empty(z.shape().with_last(width_ * (complex_output_ ? 2 : 1)), z.dtype()));
    run(ctx, ops::SelectFilter{.z = z,
                               .h = h.back(),
                               .complex = complex_output_,
                               .layout = correlation ? ops::ComplexLayout::planar
                                                     : ops::ComplexLayout::interleaved,
                               .filters = filters_,
                               .filter = o});
  }
  return h;
}

Tensor ConditioningNetwork::backward(Context& ctx, const std::vector<Tensor>& dh, Tape& tape) {
  const bool correlation = config_.kernel == Kernel::correlation;
  const auto [shape, dtype] = tape.take<SavedOutput>();
  Tensor dz = dh[0];
  if (filters_ > 1 || (complex_output_ && !correlation && !power_is_fused(ctx))) {
    dz = ctx.empty(shape, dtype);
    for (std::int64_t o = 0; o < filters_; ++o)
      run(ctx, ops::SelectFilterGrad{.dh = dh[static_cast<std::size_t>(o)],
                                     .dz = dz,
                                     .complex = complex_output_,
                                     .layout = correlation ? ops::ComplexLayout::planar
                                                           : ops::ComplexLayout::interleaved,
                                     .filters = filters_,
                                     .filter = o});
  }
  const Tensor dv =
      correlation ? backward_correlation(ctx, dz, tape) : backward_spectrum(ctx, dz, tape);
  if (dv.dtype() == ctx.compute()) return dv;
  Tensor rounded = ctx.empty(dv.shape());
  run(ctx, ops::Cast{.x = dv, .y = rounded});
  return rounded;
}

/// The network computes in float32 beside bf16 activations: LayerNorm over a spectrum would enlarge
/// their rounding. A stack that is one op reads bf16 itself.
bool ConditioningNetwork::reads(const Context& ctx, DType activations) const {
  if (activations == ctx.accumulate()) return true;
  const ConditioningStack* first = time_ ? time_.get() : time_k_.get();
  return first && first->is_one_op(ctx);
}

Tensor ConditioningNetwork::in_full_precision(Context& ctx, const Tensor& p,
                                              std::int64_t column) const {
  Tensor v = ctx.empty(p.shape().with_last(width_), p.dtype());
  run(ctx, ops::CopyColumns{.x = p, .y = v, .column = column});
  Tensor result = ctx.empty(v.shape(), ctx.accumulate());
  run(ctx, ops::Cast{.x = v, .y = result});
  return result;
}

void ConditioningNetwork::visit(const std::string& prefix, const Visitor& visitor) {
  if (time_k_) time_k_->visit(join(prefix, "nn_model_k"), visitor);
  if (time_q_) time_q_->visit(join(prefix, "nn_model_q"), visitor);
  if (time_) time_->visit(join(prefix, "nn_model"), visitor);
  if (!frequency_) return;
  const char* name = time_k_ ? "nn_model_frq" : time_ ? "nn_model2" : "nn_model";
  frequency_->visit(join(prefix, name), visitor);
}

Sigma Sigma::parse(const std::string& text) {
  Sigma sigma;
  std::string name = text;
  if (name.size() > 4 && name.ends_with("_abs")) {
    sigma.magnitude = true;
    name.resize(name.size() - 4);
  }
  const std::size_t plus = name.find('+');
  if (plus != std::string::npos) {
    std::size_t used = 0;
    try {
      sigma.parameter = std::stod(name.substr(plus + 1), &used);
    } catch (const std::exception&) {
      used = std::string::npos;
    }
    ORCHID_CHECK_USAGE(used == name.size() - plus - 1,
                       "sigma: expected a number after \"+\", got \"", text, "\"");
    name.resize(plus);
    ORCHID_CHECK_USAGE(name == "softshrink" || name == "sigmoid",
                       "sigma: only softshrink and sigmoid take a parameter, got \"", text, "\"");
    sigma.kind =
        name == "sigmoid" ? ops::ActivationKind::shifted_sigmoid : ops::ActivationKind::softshrink;
    return sigma;
  }
  if (name == "softmax" && !sigma.magnitude) {
    sigma.softmax = true;
    return sigma;
  }
  ORCHID_CHECK_USAGE(
      name != "softshrink" && name != "shifted_sigmoid" && name != "softmax", "sigma: \"", text,
      "\" is not one; expected NAME or NAME_abs with NAME among identity, ",
      "gelu, relu, tanh, silu, sigmoid, softplus, rational; softmax; softshrink+X; ", "sigmoid+X");
  sigma.kind = with_context("sigma", [&] { return parse_enum<ops::ActivationKind>(name); });
  return sigma;
}

}  // namespace orchid::model
