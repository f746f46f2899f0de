#include "model/bert.h"

#include "kernels/ops/activation.h"
#include "kernels/ops/embedding.h"
#include "kernels/ops/matmul.h"

namespace orchid::model {
namespace {

struct SavedIds {
  Tensor ids;
  Tensor segments;
};
struct SavedRows {
  Tensor rows;
  Shape shape;  ///< of the encoder's output
};
struct SavedHead {
  Tensor dense;  ///< before the activation
  Tensor x;      ///< what the token table is multiplied with
};

constexpr double kTableDeviation = 0.02;

}  // namespace

BertEmbeddings::BertEmbeddings(const Init& init, const BertConfig& config)
    : tokens_(init.normal("tokens", {config.vocabulary, config.encoder.width}, kTableDeviation)),
      segments_(init.normal("segments", {config.segments, config.encoder.width}, kTableDeviation)),
      norm_(init.at("norm"), config.encoder.width, config.encoder.norm_epsilon),
      dropout_(init, config.dropout) {
  if (config.positions == Positions::learned)
    positions_ = init.normal("positions", {config.length, config.encoder.width}, kTableDeviation);
}

Tensor BertEmbeddings::forward(Context& ctx, const Input& input, Tape& tape) const {
  const Shape& ids = input.ids.shape();
  Tensor y = ctx.empty({ids[0], ids[1], tokens_.value.shape().last()});
  run(ctx, ops::Embedding{.ids = input.ids,
                          .segments = input.segments,
                          .tokens = tokens_.value,
                          .positions = positions_.value,
                          .types = segments_.value,
                          .y = y});
  tape.save(SavedIds{input.ids, input.segments});
  return dropout_.forward(ctx, norm_.forward(ctx, y, tape), tape);
}

void BertEmbeddings::backward(Context& ctx, const Tensor& dy, Tape& tape) {
  const Tensor dsum = norm_.backward(ctx, dropout_.backward(ctx, dy, tape), tape);
  const auto [ids, segments] = tape.take<SavedIds>();
  constexpr std::int64_t kPaddingId = 0;
  run(ctx, ops::EmbeddingGrad{.dy = dsum,
                              .ids = ids,
                              .segments = segments,
                              .dtokens = tokens_.grad,
                              .dpositions = positions_.grad,
                              .dtypes = segments_.grad,
                              .padding_id = kPaddingId});
}

void BertEmbeddings::visit(const std::string& prefix, const Visitor& visitor) {
  if (visitor.parameter) {
    visitor.parameter(join(prefix, "tokens"), tokens_);
    if (positions_.value.defined()) visitor.parameter(join(prefix, "positions"), positions_);
    visitor.parameter(join(prefix, "segments"), segments_);
  }
  norm_.visit(join(prefix, "norm"), visitor);
}

MlmHead::MlmHead(const Init& init, const BertConfig& config)
    : dense_(init.at("dense"), config.encoder.width, config.encoder.width),
      norm_(init.at("norm"), config.encoder.width, config.encoder.norm_epsilon),
      bias_(init.constant("bias", {config.vocabulary}, 0)) {}

Tensor MlmHead::forward(Context& ctx, const Tensor& x, const Tensor& rows, const Parameter& tokens,
                        Tape& tape) const {
  const std::int64_t count = rows.count(), width = x.shape().last();
  Tensor gathered = ctx.empty({count, width}, x.dtype());
  run(ctx, ops::GatherRows{.x = x, .rows = rows, .y = gathered});
  tape.save(SavedRows{rows, x.shape()});
  const Tensor dense = dense_.forward(ctx, gathered, tape);
  Tensor active = ctx.empty(dense.shape(), dense.dtype());
  run(ctx, ops::Activation{.x = dense, .y = active});
  const Tensor normed = norm_.forward(ctx, active, tape);
  Tensor logits = ctx.empty({count, tokens.value.shape()[0]}, x.dtype());
  run(ctx, ops::Matmul{.a = normed,
                       .b = tokens.operand(x.dtype()),
                       .bias = bias_.value,
                       .c = logits,
                       .transpose_b = true});
  tape.save(SavedHead{dense, normed});
  return logits;
}

Tensor MlmHead::backward(Context& ctx, const Tensor& dlogits, Parameter& tokens, Tape& tape) {
  const auto [dense, normed] = tape.take<SavedHead>();
  run(ctx,
      ops::MatmulAccumulate{
          .a = dlogits, .b = normed, .c = tokens.grad, .a_sums = bias_.grad, .transpose_a = true});
  Tensor dnormed = ctx.empty(normed.shape(), normed.dtype());
  run(ctx,
      ops::Matmul{.a = dlogits, .b = tokens.operand(dlogits.dtype()), .bias = {}, .c = dnormed});
  const Tensor dactive = norm_.backward(ctx, dnormed, tape);
  Tensor ddense = ctx.empty(dense.shape(), dense.dtype());
  run(ctx, ops::ActivationGrad{.dy = dactive, .x = dense, .dx = ddense});
  const Tensor dgathered = dense_.backward(ctx, ddense, tape);
  const auto [rows, shape] = tape.take<SavedRows>();
  Tensor dx = ctx.empty(shape, dgathered.dtype());
  run(ctx, ops::GatherRowsGrad{.dy = dgathered, .rows = rows, .dx = dx});
  return dx;
}

void MlmHead::visit(const std::string& prefix, const Visitor& visitor) {
  dense_.visit(join(prefix, "dense"), visitor);
  norm_.visit(join(prefix, "norm"), visitor);
  if (visitor.parameter) visitor.parameter(join(prefix, "bias"), bias_);
}

Bert::Bert(const Init& init, const BertConfig& config)
    : config_(config),
      embeddings_(init.at("embeddings"), config),
      encoder_(init.at("encoder"), config.encoder, config.length),
      head_(init.at("head"), config) {}

Tensor Bert::forward(Context& ctx, const Input& input, Tape& tape) const {
  ORCHID_CHECK(input.ids.shape().rank() == 2 && input.ids.shape()[1] <= config_.length,
               "bert: ids: expected (B, L) with L at most ", config_.length,
               " (model.length), got ", input.ids.shape());
  const Tensor x = embeddings_.forward(ctx, input, tape);
  const Tensor y = encoder_.forward(ctx, x, input.mask, tape);
  return head_.forward(ctx, y, input.rows, embeddings_.tokens(), tape);
}

void Bert::backward(Context& ctx, const Tensor& dlogits, Tape& tape) {
  const Tensor dy = head_.backward(ctx, dlogits, embeddings_.tokens(), tape);
  embeddings_.backward(ctx, encoder_.backward(ctx, dy, tape), tape);
}

void Bert::visit(const std::string& prefix, const Visitor& visitor) {
  embeddings_.visit(join(prefix, "embeddings"), visitor);
  encoder_.visit(join(prefix, "encoder"), visitor);
  head_.visit(join(prefix, "head"), visitor);
}

}  // namespace orchid::model
