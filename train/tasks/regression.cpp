#include "train/tasks/regression.h"

#include "kernels/ops/arithmetic.h"
#include "kernels/ops/squared_error.h"
#include "train/tasks/metrics.h"

namespace orchid::train {
namespace {

class RegressionMetrics final : public TaskMetrics {
 public:
  void add(const data::Batch& batch, const Tensor& outputs) override {
    const std::vector<double> predicted = values_of(outputs);
    const auto* truth = batch.scores.data<float>();
    for (std::int64_t row = 0; row < batch.samples; ++row)
      pairs_.add(predicted[static_cast<std::size_t>(row)], truth[row]);
  }
  Metrics values(const Score&) const override {
    return {{"pearson", pairs_.pearson()}, {"spearman", pairs_.spearman()}};
  }
  std::vector<double> state() const override {
    std::vector<double> state;
    for (std::size_t i = 0; i < pairs_.truth().size(); ++i)
      state.insert(state.end(), {pairs_.predicted()[i], pairs_.truth()[i]});
    return state;
  }
  void merge(std::span<const double> state) override {
    for (std::size_t i = 0; i < state.size(); i += 2) pairs_.add(state[i], state[i + 1]);
  }

 private:
  ScorePairs pairs_;
};

}  // namespace

model::HeadConfig RegressionTask::head() const {
  return model::PooledHeadConfig{1, config_.pooling, config_.dropout};
}

TaskBatch RegressionTask::prepare(const Context&, const data::Batch& batch) const {
  return {pooled_input(batch, config_.pooling), batch.scores};
}

void RegressionTask::add_score(Context& ctx, Tensor& outputs, const TaskBatch& batch, bool gradient,
                               Tensor& sums) const {
  Tensor loss = ctx.empty({batch.targets.count()}, DType::f64);
  ops::SquaredError op{.x = outputs, .targets = batch.targets, .loss = loss, .dx = {}};
  if (gradient) op.dx = outputs;
  run(ctx, op);
  run(ctx, ops::AddScore{.loss = loss, .correct = {}, .sums = sums});
}

std::unique_ptr<TaskMetrics> RegressionTask::metrics() const {
  return std::make_unique<RegressionMetrics>();
}

}  // namespace orchid::train
