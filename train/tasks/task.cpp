#include "train/tasks/task.h"

#include "kernels/ops/arithmetic.h"
#include "kernels/ops/cross_entropy.h"
#include "train/tasks/classification.h"
#include "train/tasks/image_classification.h"
#include "train/tasks/mlm.h"
#include "train/tasks/regression.h"

namespace orchid::train {
namespace {

std::unique_ptr<Task> make(const MlmTaskConfig&) {
  return std::make_unique<MlmTask>();
}
std::unique_ptr<Task> make(const ClassificationTaskConfig& config) {
  return std::make_unique<ClassificationTask>(config);
}
std::unique_ptr<Task> make(const RegressionTaskConfig& config) {
  return std::make_unique<RegressionTask>(config);
}
std::unique_ptr<Task> make(const ImageClassificationTaskConfig& config) {
  return std::make_unique<ImageClassificationTask>(config);
}

}  // namespace

std::unique_ptr<Task> make_task(const TaskConfig& config) {
  return std::visit([](const auto& task) { return make(task); }, config);
}

TaskBatch to_device(const Context& ctx, const TaskBatch& batch) {
  TaskBatch result = batch;
  for (Tensor* tensor : result.tensors()) {
    if (!tensor->defined() || tensor->device() == ctx.device()) continue;
    const Tensor there = *tensor;
    *tensor = Tensor::empty(there.shape(), there.dtype(), ctx.memory());
    upload(there, *tensor);
  }
  return result;
}

Score read_score(const Tensor& sums, double targets) {
  const std::vector<double> values = values_of(sums);
  return {values[0], values[1], targets};
}

Tensor padding_mask(const Tensor& lengths, std::int64_t length) {
  if (!lengths.defined()) return {};
  const std::int64_t rows = lengths.count();
  Tensor result = Tensor::empty({rows, length}, DType::u8, make_host_pool());
  auto* mask = result.data<std::uint8_t>();
  const auto* used = lengths.data<std::int32_t>();
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t i = 0; i < length; ++i) *mask++ = i < used[row] ? 1 : 0;
  return result;
}

model::Input pooled_input(const data::Batch& batch, model::Pooling pooling) {
  const std::int64_t length = batch.inputs.shape()[1];
  model::Input input{batch.inputs, batch.segments, padding_mask(batch.lengths, length), {}, {}};
  if (pooling == model::Pooling::first) {
    input.rows = Tensor::empty({batch.samples}, DType::i32, make_host_pool());
    auto* rows = input.rows.data<std::int32_t>();
    for (std::int64_t b = 0; b < batch.samples; ++b)
      rows[b] = static_cast<std::int32_t>(b * length);
  }
  return input;
}

void add_cross_entropy(Context& ctx, Tensor& logits, const TaskBatch& batch, bool gradient,
                       Tensor& sums, double smoothing) {
  const std::int64_t count = batch.targets.count();
  Tensor loss = ctx.empty({count}, DType::f64), correct = ctx.empty({count}, DType::i32);
  ops::CrossEntropy op{.logits = logits,
                       .targets = batch.targets,
                       .loss = loss,
                       .correct = correct,
                       .dlogits = {},
                       .partners = batch.partners,
                       .shares = batch.shares,
                       .smoothing = smoothing};
  if (gradient) op.dlogits = logits;
  run(ctx, op);
  run(ctx, ops::AddScore{.loss = loss, .correct = correct, .sums = sums});
}

}  // namespace orchid::train
