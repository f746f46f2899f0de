#include "train/tasks/classification.h"

#include "train/tasks/class_metrics.h"

namespace orchid::train {

model::HeadConfig ClassificationTask::head() const {
  return model::PooledHeadConfig{config_.classes, config_.pooling, config_.dropout};
}

TaskBatch ClassificationTask::prepare(const Context&, const data::Batch& batch) const {
  return {pooled_input(batch, config_.pooling), batch.targets};
}

std::unique_ptr<TaskMetrics> ClassificationTask::metrics() const {
  return std::make_unique<ClassMetrics>(config_.classes);
}

}  // namespace orchid::train
