#include "model/encoder.h"

#include "kernels/ops/arithmetic.h"

namespace orchid::model {
namespace {

/// a + b in new memory: both may still be needed by others.
Tensor sum(Context& ctx, const Tensor& a, const Tensor& b) {
  Tensor y = ctx.empty(a.shape(), a.dtype());
  run(ctx, ops::Add{.a = a, .b = b, .y = y});
  return y;
}

}  // namespace

double drop_path_rate(const EncoderConfig& config, std::int64_t index) {
  if (config.layers == 1) return 0;
  return config.drop_path * static_cast<double>(index) / static_cast<double>(config.layers - 1);
}

Block::Block(const Init& init, const EncoderConfig& config, std::int64_t length, double drop_path)
    : pre_(config.norm == BlockNorm::pre),
      mixer_(make_mixer(init.at("mixer"), config.mixer, config.width, length)),
      mlp_norm_(init.at("mlp_norm"), config.width, config.norm_epsilon),
      mlp_(init.at("mlp"), config.mlp, config.width, config.dropout),
      mixer_residual_(pre_ || config.mixer_residual),
      mixer_path_(init, drop_path),
      mlp_path_(init, drop_path) {
  if (mixer_residual_)
    mixer_norm_ =
        std::make_unique<LayerNorm>(init.at("mixer_norm"), config.width, config.norm_epsilon);
  if (config.residual_dropout == 0) return;
  mixer_dropout_.emplace(init, config.residual_dropout);
  mlp_dropout_.emplace(init, config.residual_dropout);
}

Tensor Block::mix(Context& ctx, const Tensor& x, const Tensor& mask, Tape& tape) const {
  const Tensor y = mixer_->forward(ctx, x, mask, tape);
  return mixer_dropout_ ? mixer_dropout_->forward(ctx, y, tape) : y;
}

Tensor Block::mix_backward(Context& ctx, const Tensor& dy, Tape& tape) {
  return mixer_->backward(ctx, mixer_dropout_ ? mixer_dropout_->backward(ctx, dy, tape) : dy, tape);
}

Tensor Block::feed(Context& ctx, const Tensor& x, Tape& tape) const {
  const Tensor y = mlp_.forward(ctx, x, tape);
  return mlp_dropout_ ? mlp_dropout_->forward(ctx, y, tape) : y;
}

Tensor Block::feed_backward(Context& ctx, const Tensor& dy, Tape& tape) {
  return mlp_.backward(ctx, mlp_dropout_ ? mlp_dropout_->backward(ctx, dy, tape) : dy, tape);
}

Tensor Block::forward(Context& ctx, const Tensor& x, const Tensor& mask, Tape& tape) const {
  if (pre_) {
    const Tensor mixed = mix(ctx, mixer_norm_->forward(ctx, x, tape), mask, tape);
    const Tensor a = mixer_path_.forward(ctx, x, mixed, tape);
    return mlp_path_.forward(ctx, a, feed(ctx, mlp_norm_.forward(ctx, a, tape), tape), tape);
  }
  Tensor a = mix(ctx, x, mask, tape);
  if (mixer_residual_) a = mixer_norm_->forward(ctx, mixer_path_.forward(ctx, x, a, tape), tape);
  return mlp_norm_.forward(ctx, mlp_path_.forward(ctx, a, feed(ctx, a, tape), tape), tape);
}

Tensor Block::backward(Context& ctx, const Tensor& dy, Tape& tape) {
  if (pre_) {
    const Tensor dfed = feed_backward(ctx, mlp_path_.backward(ctx, dy, tape), tape);
    const Tensor da = sum(ctx, dy, mlp_norm_.backward(ctx, dfed, tape));
    const Tensor dmixed = mix_backward(ctx, mixer_path_.backward(ctx, da, tape), tape);
    return sum(ctx, da, mixer_norm_->backward(ctx, dmixed, tape));
  }
  const Tensor dsum = mlp_norm_.backward(ctx, dy, tape);
  Tensor da = sum(ctx, dsum, feed_backward(ctx, mlp_path_.backward(ctx, dsum, tape), tape));
  if (!mixer_residual_) return mix_backward(ctx, da, tape);
  da = mixer_norm_->backward(ctx, da, tape);
  return sum(ctx, da, mix_backward(ctx, mixer_path_.backward(ctx, da, tape), tape));
}

void Block::visit(const std::string& prefix, const Visitor& visitor) {
  mixer_->visit(join(prefix, "mixer"), visitor);
  if (mixer_norm_) mixer_norm_->visit(join(prefix, "mixer_norm"), visitor);
  mlp_.visit(join(prefix, "mlp"), visitor);
  mlp_norm_.visit(join(prefix, "mlp_norm"), visitor);
}

Encoder::Encoder(const Init& init, const EncoderConfig& config, std::int64_t length) {
  for (std::int64_t i = 0; i < config.layers; ++i)
    blocks_.emplace_back(init.at(str("layers.", i)), config, length, drop_path_rate(config, i));
  if (config.norm == BlockNorm::pre)
    final_norm_ = std::make_unique<LayerNorm>(init.at("norm"), config.width, config.norm_epsilon);
}

Tensor Encoder::forward(Context& ctx, const Tensor& x, const Tensor& mask, Tape& tape) const {
  Tensor a = x;
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    if (tape.observer()) tape.observer()->forward_reaches(static_cast<std::int64_t>(i));
    a = blocks_[i].forward(ctx, a, mask, tape);
  }
  return final_norm_ ? final_norm_->forward(ctx, a, tape) : a;
}

Tensor Encoder::backward(Context& ctx, const Tensor& dy, Tape& tape) {
  Tensor da = final_norm_ ? final_norm_->backward(ctx, dy, tape) : dy;
  for (std::size_t i = blocks_.size(); i-- > 0;) {
    da = blocks_[i].backward(ctx, da, tape);
    if (tape.observer()) tape.observer()->backward_leaves(static_cast<std::int64_t>(i));
  }
  return da;
}

void Encoder::visit(const std::string& prefix, const Visitor& visitor) {
  for (std::size_t i = 0; i < blocks_.size(); ++i)
    blocks_[i].visit(join(prefix, str("layers.", i)), visitor);
  if (final_norm_) final_norm_->visit(join(prefix, "norm"), visitor);
}

}  // namespace orchid::model
