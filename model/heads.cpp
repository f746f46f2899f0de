#include "model/heads.h"

#include "kernels/ops/activation.h"
#include "kernels/ops/arithmetic.h"
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

struct SavedShape {
  Shape shape;  ///< of the encoder's output
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

ClassifierHead::ClassifierHead(const Init& init, const ClassifierHeadConfig& config,
                               std::int64_t width, Pooling pooling)
    : pooling_(pooling), classifier_(init, width, config.outputs) {}

Tensor ClassifierHead::forward(Context& ctx, const Tensor& x, const Input&, Tape& tape) const {
  const Shape& shape = x.shape();
  Tensor pooled = ctx.empty({shape[0], shape[2]}, x.dtype());
  if (pooling_ == Pooling::mean) {
    run(ctx, ops::MeanPool{.x = x, .mask = {}, .y = pooled});
  } else {
    // The first position: the first columns where a sample is a row.
    run(ctx, ops::CopyColumns{.x = x.reshape({shape[0], shape[1] * shape[2]}), .y = pooled});
  }
  tape.save(SavedShape{shape});
  return classifier_.forward(ctx, pooled, tape);
}

Tensor ClassifierHead::backward(Context& ctx, const Tensor& dlogits, Tape& tape) {
  const Tensor dpooled = classifier_.backward(ctx, dlogits, tape);
  const auto [shape] = tape.take<SavedShape>();
  if (pooling_ == Pooling::mean) {
    Tensor dx = ctx.empty(shape, dpooled.dtype());
    run(ctx, ops::MeanPoolGrad{.dy = dpooled, .mask = {}, .dx = dx});
    return dx;
  }
  Tensor dx = ctx.zeros(shape, dpooled.dtype());
  Tensor rows = dx.reshape({shape[0], shape[1] * shape[2]});
  run(ctx, ops::AddColumns{.x = dpooled, .y = rows});
  return dx;
}

void ClassifierHead::visit(const std::string& prefix, const Visitor& visitor) {
  classifier_.visit(prefix, visitor);
}

}  // namespace orchid::model
