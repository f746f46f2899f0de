#include "train/tasks/image_classification.h"

#include "train/tasks/class_metrics.h"

namespace orchid::train {

model::HeadConfig ImageClassificationTask::head() const {
  return model::ClassifierHeadConfig{config_.classes};
}

TaskBatch ImageClassificationTask::prepare(const Context&, const data::Batch& batch) const {
  TaskBatch result{{}, batch.targets, batch.partners, batch.shares};
  result.input.images = batch.images;
  return result;
}

void ImageClassificationTask::add_score(Context& ctx, Tensor& outputs, const TaskBatch& batch,
                                        bool gradient, Tensor& sums) const {
  const double once = gradient ? config_.label_smoothing : 0;
  const double smoothing = config_.double_smoothing ? 1 - (1 - once) * (1 - once) : once;
  add_cross_entropy(ctx, outputs, batch, gradient, sums, smoothing);
}

std::unique_ptr<TaskMetrics> ImageClassificationTask::metrics() const {
  return std::make_unique<ClassMetrics>(config_.classes, true);
}

}  // namespace orchid::train
