#include "model/heads.h"

#include "kernels/ops/activation.h"
#include "kernels/ops/embedding.h"
#include "kernels/ops/matmul.h"
#include "kernels/ops/pool.h"

namespace orchid::model {
namespace {

/// What MlmHead and PooledHead read of the encoder's output.
struct SavedRows {
  Tensor rows;
  Shape shape;  ///< of the encoder's output
};
struct SavedMlm {
  Tensor dense;  ///< before the activation
  Tensor x;      ///< what the token table is multiplied with
};
struct SavedPooled {
  Tensor mask;  ///< mean pooling alone
  Tensor rows;  ///< first-position pooling alone
  Shape shape;  ///< of the encoder's output
  Tensor pooled;
};

Tensor gather(Context& ctx, const Tensor& x, const Tensor& rows) {
  Tensor gathered = ctx.empty({rows.count(), x.shape().last()}, x.dtype());
  run(ctx, ops::GatherRows{.x = x, .rows = rows, .y = gathered});
  return gathered;
}

Tensor scatter(Context& ctx, const Tensor& dy, const Tensor& rows, const Shape& shape) {
  Tensor dx = ctx.empty(shape, dy.dtype());
  run(ctx, ops::GatherRowsGrad{.dy = dy, .rows = rows, .dx = dx});
  return dx;
}

}  // namespace

MlmHead::MlmHead(const Init& init, double norm_epsilon, Parameter& tokens)
    : tokens_(tokens),
      dense_(init.at("dense"), tokens.value.shape().last(), tokens.value.shape().last()),
      norm_(init.at("norm"), tokens.value.shape().last(), norm_epsilon),
      bias_(init.constant("bias", {tokens.value.shape()[0]}, 0)) {}

Tensor MlmHead::forward(Context& ctx, const Tensor& x, const Input& input, Tape& tape) const {
  const Tensor& rows = input.rows;
  const Tensor gathered = gather(ctx, x, rows);
  tape.save(SavedRows{rows, x.shape()});
  const Tensor dense = dense_.forward(ctx, gathered, tape);
  Tensor active = ctx.empty(dense.shape(), dense.dtype());
  run(ctx, ops::Activation{.x = dense, .y = active});
  const Tensor normed = norm_.forward(ctx, active, tape);
  Tensor logits = ctx.empty({rows.count(), tokens_.value.shape()[0]}, x.dtype());
  run(ctx, ops::Matmul{.a = normed,
                       .b = tokens_.operand(x.dtype()),
                       .bias = bias_.value,
                       .c = logits,
                       .transpose_b = true});
  tape.save(SavedMlm{dense, normed});
  return logits;
}

Tensor MlmHead::backward(Context& ctx, const Tensor& dlogits, Tape& tape) {
  const auto [dense, normed] = tape.take<SavedMlm>();
  run(ctx,
      ops::MatmulAccumulate{
          .a = dlogits, .b = normed, .c = tokens_.grad, .a_sums = bias_.grad, .transpose_a = true});
  Tensor dnormed = ctx.empty(normed.shape(), normed.dtype());
  run(ctx,
      ops::Matmul{.a = dlogits, .b = tokens_.operand(dlogits.dtype()), .bias = {}, .c = dnormed});
  const Tensor dactive = norm_.backward(ctx, dnormed, tape);
  Tensor ddense = ctx.empty(dense.shape(), dense.dtype());
  run(ctx, ops::ActivationGrad{.dy = dactive, .x = dense, .dx = ddense});
  const Tensor dgathered = dense_.backward(ctx, ddense, tape);
  const auto [rows, shape] = tape.take<SavedRows>();
  return scatter(ctx, dgathered, rows, shape);
}

void MlmHead::visit(const std::string& prefix, const Visitor& visitor) {
  dense_.visit(join(prefix, "dense"), visitor);
  norm_.visit(join(prefix, "norm"), visitor);
  if (visitor.parameter) visitor.parameter(join(prefix, "bias"), bias_);
}

PooledHead::PooledHead(const Init& init, const PooledHeadConfig& config, std::int64_t width)
    : pooling_(config.pooling),
      pooler_(init.at("pooler"), width, width),
      dropout_(init, config.dropout),
      classifier_(init.at("classifier"), width, config.outputs) {}

Tensor PooledHead::pool(Context& ctx, const Tensor& x, const Input& input) const {
  if (pooling_ == Pooling::first) return gather(ctx, x, input.rows);
  Tensor mean = ctx.empty({x.shape()[0], x.shape().last()}, x.dtype());
  run(ctx, ops::MeanPool{.x = x, .mask = input.mask, .y = mean});
  return mean;
}

Tensor PooledHead::forward(Context& ctx, const Tensor& x, const Input& input, Tape& tape) const {
  const Tensor dense = pooler_.forward(ctx, pool(ctx, x, input), tape);
  Tensor active = ctx.empty(dense.shape(), dense.dtype());
  run(ctx,
      ops::Activation{.x = dense, .y = active, .kind = ops::ActivationKind::tanh, .parameter = 0});
  tape.save(SavedPooled{input.mask, input.rows, x.shape(), dense});
  return classifier_.forward(ctx, dropout_.forward(ctx, active, tape), tape);
}

Tensor PooledHead::backward(Context& ctx, const Tensor& dy, Tape& tape) {
  const Tensor dactive = dropout_.backward(ctx, classifier_.backward(ctx, dy, tape), tape);
  const auto [mask, rows, shape, dense] = tape.take<SavedPooled>();
  Tensor ddense = ctx.empty(dense.shape(), dense.dtype());
  run(ctx, ops::ActivationGrad{.dy = dactive,
                               .x = dense,
                               .dx = ddense,
                               .kind = ops::ActivationKind::tanh,
                               .parameter = 0});
  const Tensor dpooled = pooler_.backward(ctx, ddense, tape);
  if (pooling_ == Pooling::first) return scatter(ctx, dpooled, rows, shape);
  Tensor dx = ctx.empty(shape, dpooled.dtype());
  run(ctx, ops::MeanPoolGrad{.dy = dpooled, .mask = mask, .dx = dx});
  return dx;
}

void PooledHead::visit(const std::string& prefix, const Visitor& visitor) {
  pooler_.visit(join(prefix, "pooler"), visitor);
  classifier_.visit(join(prefix, "classifier"), visitor);
}

}  // namespace orchid::model
