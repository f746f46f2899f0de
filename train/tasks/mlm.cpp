#include "train/tasks/mlm.h"

#include <algorithm>

#include "kernels/ops/arithmetic.h"
#include "kernels/ops/cross_entropy.h"

namespace orchid::train {
namespace {

/// On a GPU the rows with a target are padded to a multiple of this: wide enough that batches of
/// one run fall into two or three classes, and a good extent for a matrix product.
constexpr std::int64_t kRowMultiple = 256;

/// A copy with at least as many elements; those added are -1.
Tensor padded(const Tensor& values, std::int64_t count) {
  Tensor result = Tensor::empty({count}, DType::i32, make_host_pool());
  const auto* from = values.data<std::int32_t>();
  auto* to = result.data<std::int32_t>();
  std::fill(std::copy_n(from, values.count(), to), to + count, -1);
  return result;
}

/// (B, L) u8: 1 where the row's token is one.
Tensor padding_mask(const Tensor& lengths, std::int64_t length) {
  const std::int64_t rows = lengths.count();
  Tensor result = Tensor::empty({rows, length}, DType::u8, make_host_pool());
  auto* mask = result.data<std::uint8_t>();
  const auto* used = lengths.data<std::int32_t>();
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t i = 0; i < length; ++i) *mask++ = i < used[row] ? 1 : 0;
  return result;
}

}  // namespace

MlmBatch mlm_batch(const Context& ctx, const data::Batch& batch) {
  MlmBatch result{{batch.inputs, batch.segments, {}, batch.positions}, batch.targets};
  if (batch.lengths.defined())
    result.input.mask = padding_mask(batch.lengths, batch.inputs.shape()[1]);
  if (ctx.device().type == DeviceType::cuda) {
    const std::int64_t count = batch.positions.count();
    const std::int64_t rounded = (count + kRowMultiple - 1) / kRowMultiple * kRowMultiple;
    result.input.rows = padded(batch.positions, rounded);
    if (batch.targets.defined()) result.targets = padded(batch.targets, rounded);
  }
  return result;
}

MlmBatch to_device(const Context& ctx, const MlmBatch& batch) {
  const std::shared_ptr<Memory>& memory = ctx.memory();
  const model::Input& input = batch.input;
  return {{to_memory(input.ids, memory), to_memory(input.segments, memory),
           to_memory(input.mask, memory), to_memory(input.rows, memory)},
          to_memory(batch.targets, memory)};
}

void add_score(Context& ctx, Tensor& logits, const Tensor& targets, bool gradient, Tensor& sums) {
  const std::int64_t count = targets.count();
  Tensor loss = ctx.empty({count}, DType::f64), correct = ctx.empty({count}, DType::i32);
  ops::CrossEntropy op{
      .logits = logits, .targets = targets, .loss = loss, .correct = correct, .dlogits = {}};
  if (gradient) op.dlogits = logits;
  run(ctx, op);
  run(ctx, ops::AddScore{.loss = loss, .correct = correct, .sums = sums});
}

Score read_score(const Tensor& sums, double targets) {
  const std::vector<double> values = values_of(sums);
  return {values[0], values[1], targets};
}

}  // namespace orchid::train
