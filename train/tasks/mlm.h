#pragma once

#include "train/tasks/task.h"

namespace orchid::train {

/// Masked language modelling: the pieces at the masked positions, by cross entropy over the
/// vocabulary.
class MlmTask final : public Task {
 public:
  model::HeadConfig head() const override { return model::MlmHeadConfig{}; }
  std::int64_t targets(const data::Batch& batch) const override { return batch.targets.count(); }
  /// On a GPU the number of rows is rounded up with rows of -1, which count for nothing: then few
  /// shapes occur, whatever was masked.
  TaskBatch prepare(const Context&, const data::Batch&) const override;
  void add_score(Context& ctx, Tensor& outputs, const TaskBatch& batch, bool gradient,
                 Tensor& sums) const override {
    add_cross_entropy(ctx, outputs, batch, gradient, sums);
  }
  /// accuracy: share of targets with the largest logit; unigram_entropy: of the targets' own
  /// frequencies, what knowing them alone gives.
  std::unique_ptr<TaskMetrics> metrics() const override;
  bool counts_hits() const override { return true; }
};

}  // namespace orchid::train
