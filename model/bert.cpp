#include "model/bert.h"

#include "kernels/ops/embedding.h"

namespace orchid::model {
namespace {

struct SavedIds {
  Tensor ids;
  Tensor segments;
};

constexpr double kTableDeviation = 0.02;

std::unique_ptr<Head> make_head(const Init& init, const BertConfig& config, const HeadConfig& head,
                                Parameter& tokens) {
  ORCHID_CHECK_USAGE(!std::holds_alternative<ClassifierHeadConfig>(head),
                     "model: type bert reads texts; pictures are classified by type vit");
  if (const auto* pooled = std::get_if<PooledHeadConfig>(&head))
    return std::make_unique<PooledHead>(init, *pooled, config.encoder.width);
  return std::make_unique<MlmHead>(init, config.encoder.norm_epsilon, tokens);
}

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

Bert::Bert(const Init& init, const BertConfig& config, const HeadConfig& head)
    : config_(config),
      embeddings_(init.at("embeddings"), config),
      encoder_(init.at("encoder"), config.encoder, config.length),
      head_(make_head(init.at("head"), config, head, embeddings_.tokens())) {}

Tensor Bert::encode(Context& ctx, const Input& input, Tape& tape) const {
  ORCHID_CHECK(input.ids.shape().rank() == 2 && input.ids.shape()[1] <= config_.length,
               "bert: ids: expected (B, L) with L at most ", config_.length,
               " (model.length), got ", input.ids.shape());
  const Tensor x = embeddings_.forward(ctx, input, tape);
  return encoder_.forward(ctx, x, input.mask, tape);
}

Tensor Bert::forward(Context& ctx, const Input& input, Tape& tape) const {
  const Tensor y = encode(ctx, input, tape);
  return head_->forward(ctx, y, input, tape);
}

Tensor Bert::states(Context& ctx, const Input& input) const {
  Tape tape = Tape::off();
  return encode(ctx, input, tape);
}

void Bert::backward(Context& ctx, const Tensor& dlogits, Tape& tape) {
  const Tensor dy = head_->backward(ctx, dlogits, tape);
  embeddings_.backward(ctx, encoder_.backward(ctx, dy, tape), tape);
}

void Bert::visit(const std::string& prefix, const Visitor& visitor) {
  embeddings_.visit(join(prefix, "embeddings"), visitor);
  encoder_.visit(join(prefix, "encoder"), visitor);
  head_->visit(join(prefix, "head"), visitor);
}

}  // namespace orchid::model
