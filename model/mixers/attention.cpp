#include "model/mixers/attention.h"

#include "kernels/ops/attention.h"

namespace orchid::model {
namespace {

struct SavedAttention {
  Tensor qkv, mask, y, logsumexp;
};

}  // namespace

AttentionMixer::AttentionMixer(const Init& init, const AttentionMixerConfig& config,
                               std::int64_t width)
    : heads_(config.heads),
      qkv_(init.at("qkv"), width, 3 * width, config.qkv_bias),
      out_(init.at("out"), width, width) {}

Tensor AttentionMixer::forward(Context& ctx, const Tensor& x, const Tensor& mask,
                               Tape& tape) const {
  const Tensor qkv = qkv_.forward(ctx, x, tape);
  Tensor y = ctx.empty(x.shape(), x.dtype());
  Tensor sums = ctx.empty({x.shape()[0], heads_, x.shape()[1]}, accumulate_type(x.dtype()));
  run(ctx, ops::Attention{.qkv = qkv, .mask = mask, .y = y, .logsumexp = sums, .heads = heads_});
  tape.save(SavedAttention{qkv, mask, y, sums});
  return out_.forward(ctx, y, tape);
}

Tensor AttentionMixer::backward(Context& ctx, const Tensor& dy, Tape& tape) {
  const Tensor dattended = out_.backward(ctx, dy, tape);
  const auto [qkv, mask, y, sums] = tape.take<SavedAttention>();
  Tensor dqkv = ctx.empty(qkv.shape(), qkv.dtype());
  run(ctx, ops::AttentionGrad{.dy = dattended,
                              .qkv = qkv,
                              .mask = mask,
                              .y = y,
                              .logsumexp = sums,
                              .dqkv = dqkv,
                              .heads = heads_});
  return qkv_.backward(ctx, dqkv, tape);
}

void AttentionMixer::visit(const std::string& prefix, const Visitor& visitor) {
  qkv_.visit(join(prefix, "qkv"), visitor);
  out_.visit(join(prefix, "out"), visitor);
}

}  // namespace orchid::model
