#pragma once

#include "train/tasks/task.h"

namespace orchid::train {

/// One number a sample, by the squared error.
class RegressionTask final : public Task {
 public:
  explicit RegressionTask(const RegressionTaskConfig& config) : config_(config) {}

  model::HeadConfig head() const override;
  std::int64_t targets(const data::Batch& batch) const override { return batch.samples; }
  TaskBatch prepare(const Context&, const data::Batch&) const override;
  void add_score(Context&, Tensor& outputs, const TaskBatch&, bool gradient,
                 Tensor& sums) const override;
  /// pearson and spearman correlation.
  std::unique_ptr<TaskMetrics> metrics() const override;
  bool counts_hits() const override { return false; }

 private:
  RegressionTaskConfig config_;
};

}  // namespace orchid::train
