#include "train/tasks/classification.h"

#include <algorithm>

#include "train/tasks/metrics.h"

namespace orchid::train {
namespace {

class ClassMetrics final : public TaskMetrics {
 public:
  explicit ClassMetrics(std::int64_t classes) : counts_(static_cast<int>(classes)) {}

  void add(const data::Batch& batch, const Tensor& outputs) override {
    const std::vector<double> logits = values_of(outputs);
    const std::int64_t classes = outputs.shape().last();
    const auto* truth = batch.targets.data<std::int32_t>();
    for (std::int64_t row = 0; row < batch.samples; ++row) {
      const double* first = logits.data() + row * classes;
      const auto best = std::max_element(first, first + classes) - first;
      counts_.add(static_cast<int>(best), truth[row]);
    }
  }
  Metrics values(const Score&) const override {
    Metrics values = {{"accuracy", counts_.accuracy()}, {"majority", counts_.majority()}};
    if (counts_.classes() == 2) {
      values.emplace_back("f1", counts_.f1());
      values.emplace_back("matthews", counts_.matthews());
    }
    return values;
  }

 private:
  ConfusionCounts counts_;
};

}  // namespace

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
