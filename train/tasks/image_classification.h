#pragma once

#include "train/tasks/task.h"

namespace orchid::train {

/// One class a picture, by cross entropy. Training holds the outputs against smoothed and mixed
/// targets, evaluation against the labels alone.
class ImageClassificationTask final : public Task {
 public:
  explicit ImageClassificationTask(const ImageClassificationTaskConfig& config) : config_(config) {}

  model::HeadConfig head() const override;
  std::int64_t targets(const data::Batch& batch) const override { return batch.samples; }
  TaskBatch prepare(const Context&, const data::Batch&) const override;
  /// Hits are counted against the labels, also where samples are mixed.
  void add_score(Context&, Tensor& outputs, const TaskBatch&, bool gradient,
                 Tensor& sums) const override;
  /// accuracy, top5 and majority: see ClassMetrics.
  std::unique_ptr<TaskMetrics> metrics() const override;
  bool counts_hits() const override { return true; }

 private:
  ImageClassificationTaskConfig config_;
};

}  // namespace orchid::train
