#pragma once

#include "train/tasks/task.h"

namespace orchid::train {

/// One class a sample, by cross entropy.
class ClassificationTask final : public Task {
 public:
  explicit ClassificationTask(const ClassificationTaskConfig& config) : config_(config) {}

  model::HeadConfig head() const override;
  std::int64_t targets(const data::Batch& batch) const override { return batch.samples; }
  TaskBatch prepare(const Context&, const data::Batch&) const override;
  void add_score(Context& ctx, Tensor& outputs, const TaskBatch& batch, bool gradient,
                 Tensor& sums) const override {
    add_cross_entropy(ctx, outputs, batch, gradient, sums);
  }
  /// accuracy; majority: the accuracy of always naming the commonest class; of two classes also f1
  /// (of class 1) and matthews.
  std::unique_ptr<TaskMetrics> metrics() const override;
  bool counts_hits() const override { return true; }

 private:
  ClassificationTaskConfig config_;
};

}  // namespace orchid::train
