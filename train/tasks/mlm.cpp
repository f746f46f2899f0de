#include "train/tasks/mlm.h"

#include "kernels/ops/cross_entropy.h"

namespace orchid::train {

model::Input model_input(const Context& ctx, const data::Batch& batch) {
  model::Input input{batch.inputs, batch.segments, {}, batch.positions};
  if (!batch.lengths.defined()) return input;
  const std::int64_t rows = batch.inputs.shape()[0], length = batch.inputs.shape()[1];
  input.mask = ctx.empty({rows, length}, DType::u8);
  auto* mask = input.mask.data<std::uint8_t>();
  const auto* lengths = batch.lengths.data<std::int32_t>();
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t i = 0; i < length; ++i) *mask++ = i < lengths[row] ? 1 : 0;
  return input;
}

Score masked_cross_entropy(Context& ctx, Tensor& logits, const Tensor& targets, bool gradient) {
  const std::int64_t count = targets.count();
  Tensor loss = ctx.empty({count}, DType::f64), correct = ctx.empty({count}, DType::i32);
  ops::CrossEntropy op{
      .logits = logits, .targets = targets, .loss = loss, .correct = correct, .dlogits = {}};
  if (gradient) op.dlogits = logits;
  run(ctx, op);
  Score score{.targets = static_cast<double>(count)};
  for (std::int64_t i = 0; i < count; ++i) {
    score.loss += loss.data<double>()[i];
    score.correct += correct.data<std::int32_t>()[i];
  }
  return score;
}

}  // namespace orchid::train
