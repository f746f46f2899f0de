#pragma once

#include "train/tasks/metrics.h"
#include "train/tasks/task.h"

namespace orchid::train {

/// Figures of one class a sample: accuracy; majority, the accuracy of always naming the commonest
/// class; of two classes also f1 (of class 1) and matthews; with `top5` and more classes than five
/// the share of samples whose class is among the five likeliest. A sample with a NaN among its
/// logits counts as answered wrongly; a class is among the five as far as that is certain.
class ClassMetrics final : public TaskMetrics {
 public:
  explicit ClassMetrics(std::int64_t classes, bool top5 = false);

  void add(const data::Batch&, const Tensor& outputs) override;
  Metrics values(const Score&) const override;
  std::vector<double> state() const override;
  void merge(std::span<const double> state) override;

 private:
  ConfusionCounts counts_;
  bool top5_;
  std::int64_t in_top5_ = 0;
};

}  // namespace orchid::train
