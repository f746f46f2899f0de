#include "model/mixers/conditioning_stack.h"

#include <cmath>

#include "kernels/ops/activation.h"
#include "kernels/ops/arithmetic.h"
#include "kernels/ops/conv_norm.h"
#include "kernels/ops/sequence_conv.h"

namespace orchid::model {
namespace {

constexpr double kNormEpsilon = 1e-5;

struct SavedConv {
  Tensor x;
  std::int64_t column;
};
struct SavedConvNorm {
  Tensor x;
  std::int64_t column;
  Tensor mean;
  Tensor rstd;
};
struct SavedActivation {
  Tensor x;
};

}  // namespace

bool recomputes_kernels(const Context& ctx, const OrchidMixerConfig& config) {
  if (config.norm == ConditioningNorm::batch) return false;
  if (config.recompute != Recompute::automatic) return config.recompute == Recompute::always;
  return ctx.device().type == DeviceType::cuda;
}

ConditioningStack::ConditioningStack(const Init& init, const OrchidMixerConfig& config,
                                     const StackShape& shape)
    : config_(config), shape_(shape) {
  const bool mlp = config.conditioning == Conditioning::mlp;
  if (mlp) shape_.groups = shape.out;
  const std::int64_t taps = config.conditioning_width;
  for (std::int64_t l = 0; l < config.conditioning_layers; ++l) {
    const std::int64_t in = l == 0 ? shape.in : shape.out;
    Layer layer;
    if (mlp)
      layer.dense = std::make_unique<Linear>(init.at(str("filter_depthwise_ls.", l)), in, shape.out,
                                             config.conditioning_bias);
    const std::int64_t group_in = (mlp ? shape.out : in) / shape_.groups;
    const double bound = 1 / std::sqrt(static_cast<double>(taps * group_in));
    const Init conv = init.at(str("conv1d_ls.", l));
    layer.weight = conv.uniform("weight", {shape.out, group_in, taps}, bound);
    if (config.conditioning_bias) layer.bias = conv.uniform("bias", {shape.out}, bound);
    const Init norm = init.at(str("norm_ls.", l));
    if (config.norm == ConditioningNorm::batch)
      layer.norm = std::make_unique<BatchNorm>(norm, shape.out, kNormEpsilon);
    if (config.norm == ConditioningNorm::layer) {
      auto layer_norm = std::make_unique<LayerNorm>(norm, shape.out, kNormEpsilon);
      layer.layer_norm = layer_norm.get();
      layer.norm = std::move(layer_norm);
    }
    layers_.push_back(std::move(layer));
  }
}

struct ConditioningStack::OneOp {
  std::int64_t column = 0;
  bool power = false, complex = false;
  bool planar() const { return power && complex; }
};

bool ConditioningStack::is_one_op(const Context& ctx) const {
  const Layer& first = layers_.front();
  return recomputes_kernels(ctx, config_) && layers_.size() == 1 && first.layer_norm &&
         !first.dense && shape_.in == shape_.groups && shape_.out <= 2 * shape_.groups &&
         config_.padding == ops::Padding::zeros &&
         config_.conditioning_width <= ops::kMaxConvNormTaps;
}

Tensor ConditioningStack::forward_one_op(Context& ctx, const Tensor& x, const OneOp& call,
                                         Tape& tape) const {
  const Layer& layer = layers_.front();
  const Shape rows{x.shape().rows()};
  Tensor y = ctx.empty(x.shape().with_last(shape_.out), ctx.accumulate());
  Tensor mean = ctx.empty(rows, ctx.accumulate()), rstd = ctx.empty(rows, ctx.accumulate());
  run(ctx, ops::ConvNorm{.x = x,
                         .weight = layer.weight.value,
                         .bias = layer.bias.value,
                         .gamma = layer.layer_norm->gamma().value,
                         .beta = layer.layer_norm->beta().value,
                         .y = y,
                         .mean = mean,
                         .rstd = rstd,
                         .groups = shape_.groups,
                         .x_column = call.column,
                         .power = call.power,
                         .complex = call.complex,
                         .planar = call.planar(),
                         .eps = layer.layer_norm->epsilon()});
  tape.save(SavedConvNorm{x, call.column, mean, rstd});
  return y;
}

Tensor ConditioningStack::backward_one_op(Context& ctx, const Tensor& dy, const OneOp& call,
                                          Tape& tape) {
  Layer& layer = layers_.front();
  const auto [x, column, mean, rstd] = tape.take<SavedConvNorm>();
  const std::int64_t width = call.power ? x.shape().last() : shape_.in;
  Tensor dx = ctx.empty(x.shape().with_last(width), x.dtype());
  run(ctx, ops::ConvNormGrad{.dy = dy,
                             .x = x,
                             .weight = layer.weight.value,
                             .bias = layer.bias.value,
                             .gamma = layer.layer_norm->gamma().value,
                             .mean = mean,
                             .rstd = rstd,
                             .dx = dx,
                             .dweight = layer.weight.grad,
                             .dbias = layer.bias.grad,
                             .dgamma = layer.layer_norm->gamma().grad,
                             .dbeta = layer.layer_norm->beta().grad,
                             .groups = shape_.groups,
                             .x_column = column,
                             .power = call.power,
                             .complex = call.complex,
                             .planar = call.planar()});
  return dx;
}

Tensor ConditioningStack::forward_power(Context& ctx, const Tensor& z, bool complex,
                                        Tape& tape) const {
  return forward_one_op(ctx, z, {.power = true, .complex = complex}, tape);
}

Tensor ConditioningStack::backward_power(Context& ctx, const Tensor& dy, bool complex, Tape& tape) {
  return backward_one_op(ctx, dy, {.power = true, .complex = complex}, tape);
}

Tensor ConditioningStack::forward(Context& ctx, const Tensor& x, std::int64_t column,
                                  Tape& tape) const {
  if (is_one_op(ctx)) {
    return forward_one_op(ctx, x, {.column = column}, tape);
  }
  Tensor a = x;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Layer& layer = layers_[l];
    if (layer.dense) {
      if (l == 0 && x.shape().last() != shape_.in) {
        a = ctx.empty(x.shape().with_last(shape_.in), x.dtype());
        run(ctx, ops::CopyColumns{.x = x, .y = a, .column = column});
      }
      a = layer.dense->forward(ctx, a, tape);
    }
    const std::int64_t first = l == 0 && !layer.dense ? column : 0;
    Tensor y = ctx.empty(a.shape().with_last(shape_.out), a.dtype());
    run(ctx, ops::SequenceConv{.x = a,
                               .weight = layer.weight.value,
                               .bias = layer.bias.value,
                               .y = y,
                               .groups = shape_.groups,
                               .left = (config_.conditioning_width - 1) / 2,
                               .padding = config_.padding,
                               .x_column = first});
    tape.save(SavedConv{a, first});
    if (l + 1 < layers_.size()) {
      Tensor active = ctx.empty(y.shape(), y.dtype());
      run(ctx, ops::Activation{.x = y, .y = active, .kind = config_.conditioning_activation});
      tape.save(SavedActivation{y});
      y = active;
    }
    a = layer.norm ? layer.norm->forward(ctx, y, tape) : y;
  }
  return a;
}

Tensor ConditioningStack::backward(Context& ctx, const Tensor& dy, Tape& tape) {
  if (is_one_op(ctx)) return backward_one_op(ctx, dy, {}, tape);
  Tensor da = dy;
  for (std::size_t l = layers_.size(); l-- > 0;) {
    Layer& layer = layers_[l];
    if (layer.norm) da = layer.norm->backward(ctx, da, tape);
    if (l + 1 < layers_.size()) {
      const auto [before] = tape.take<SavedActivation>();
      Tensor dbefore = ctx.empty(before.shape(), before.dtype());
      run(ctx, ops::ActivationGrad{
                   .dy = da, .x = before, .dx = dbefore, .kind = config_.conditioning_activation});
      da = dbefore;
    }
    const auto [x, column] = tape.take<SavedConv>();
    const std::int64_t in = layer.weight.value.shape()[1] * shape_.groups;
    Tensor dx = ctx.empty(x.shape().with_last(in), x.dtype());
    run(ctx, ops::SequenceConvGrad{.dy = da,
                                   .x = x,
                                   .weight = layer.weight.value,
                                   .dx = dx,
                                   .dweight = layer.weight.grad,
                                   .dbias = layer.bias.grad,
                                   .groups = shape_.groups,
                                   .left = (config_.conditioning_width - 1) / 2,
                                   .padding = config_.padding,
                                   .x_column = column});
    da = layer.dense ? layer.dense->backward(ctx, dx, tape) : dx;
  }
  return da;
}

void ConditioningStack::visit(const std::string& prefix, const Visitor& visitor) {
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    Layer& layer = layers_[l];
    if (layer.dense) layer.dense->visit(join(prefix, str("filter_depthwise_ls.", l)), visitor);
    const std::string conv = join(prefix, str("conv1d_ls.", l));
    if (visitor.parameter) {
      visitor.parameter(join(conv, "weight"), layer.weight);
      if (layer.bias.value.defined()) visitor.parameter(join(conv, "bias"), layer.bias);
    }
    if (layer.norm)
      layer.norm->visit(join(prefix, str("norm_ls.", l, ".norm_conv_kernel")), visitor);
  }
}

}  // namespace orchid::model
