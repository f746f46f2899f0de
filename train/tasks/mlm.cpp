#include "train/tasks/mlm.h"

#include <algorithm>
#include <cmath>
#include <map>

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

class MlmMetrics final : public TaskMetrics {
 public:
  void add(const data::Batch& batch, const Tensor&) override {
    const auto* targets = batch.targets.data<std::int32_t>();
    for (std::int64_t i = 0; i < batch.targets.count(); ++i) ++counts_[targets[i]];
  }
  Metrics values(const Score& total) const override {
    double entropy = 0;
    for (const auto& [id, count] : counts_) {
      const double share = static_cast<double>(count) / total.targets;
      entropy -= share * std::log(share);
    }
    return {{"accuracy", total.correct / total.targets}, {"unigram_entropy", entropy}};
  }
  std::vector<double> state() const override {
    std::vector<double> state;
    for (const auto& [id, count] : counts_) {
      state.push_back(id);
      state.push_back(static_cast<double>(count));
    }
    return state;
  }
  void merge(std::span<const double> state) override {
    for (std::size_t i = 0; i < state.size(); i += 2)
      counts_[static_cast<std::int32_t>(state[i])] += static_cast<std::int64_t>(state[i + 1]);
  }

 private:
  std::map<std::int32_t, std::int64_t> counts_;
};

}  // namespace

TaskBatch MlmTask::prepare(const Context& ctx, const data::Batch& batch) const {
  TaskBatch result{{batch.inputs, batch.segments,
                    padding_mask(batch.lengths, batch.inputs.shape()[1]), batch.positions},
                   batch.targets};
  if (ctx.device().type == DeviceType::cuda) {
    const std::int64_t count = batch.positions.count();
    const std::int64_t rounded = (count + kRowMultiple - 1) / kRowMultiple * kRowMultiple;
    result.input.rows = padded(batch.positions, rounded);
    if (batch.targets.defined()) result.targets = padded(batch.targets, rounded);
  }
  return result;
}

std::unique_ptr<TaskMetrics> MlmTask::metrics() const {
  return std::make_unique<MlmMetrics>();
}

}  // namespace orchid::train
