#include "model/layers/mlp.h"

#include "kernels/ops/activation.h"

namespace orchid::model {
namespace {

struct SavedHidden {
  Tensor hidden;
};

}  // namespace

Mlp::Mlp(const Init& init, const MlpConfig& config, std::int64_t width, double dropout)
    : gated_(config.gated),
      input_(init.at("input"), width, (config.gated ? 2 : 1) * config.expansion * width,
             config.blocks, config.input_bias),
      dropout_(init, dropout),
      output_(init.at("output"), config.expansion * width, width, config.blocks, true) {}

Tensor Mlp::forward(Context& ctx, const Tensor& x, Tape& tape) const {
  const Tensor hidden = input_.forward(ctx, x, tape);
  const std::int64_t width = hidden.shape().last() / (gated_ ? 2 : 1);
  Tensor active = ctx.empty(hidden.shape().with_last(width), hidden.dtype());
  if (gated_) {
    run(ctx, ops::GatedGelu{.x = hidden, .y = active});
  } else {
    run(ctx, ops::Activation{.x = hidden, .y = active});
  }
  tape.save(SavedHidden{hidden});
  return output_.forward(ctx, dropout_.forward(ctx, active, tape), tape);
}

Tensor Mlp::backward(Context& ctx, const Tensor& dy, Tape& tape) {
  const Tensor dactive = dropout_.backward(ctx, output_.backward(ctx, dy, tape), tape);
  const auto [hidden] = tape.take<SavedHidden>();
  Tensor dhidden = ctx.empty(hidden.shape(), hidden.dtype());
  if (gated_) {
    run(ctx, ops::GatedGeluGrad{.dy = dactive, .x = hidden, .dx = dhidden});
  } else {
    run(ctx, ops::ActivationGrad{.dy = dactive, .x = hidden, .dx = dhidden});
  }
  return input_.backward(ctx, dhidden, tape);
}

void Mlp::visit(const std::string& prefix, const Visitor& visitor) {
  input_.visit(join(prefix, "input"), visitor);
  output_.visit(join(prefix, "output"), visitor);
}

}  // namespace orchid::model
