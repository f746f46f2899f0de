#include "train/evaluation.h"

#include <algorithm>
#include <chrono>

#include "data/loader.h"

namespace orchid::train {
namespace {

/// The first samples of a data set.
class FirstSamples : public data::Dataset {
 public:
  FirstSamples(const data::Dataset& all, std::int64_t size) : all_(all), size_(size) {}
  std::int64_t size() const override { return size_; }
  void item(std::int64_t index, std::uint64_t draw, data::Batch& batch,
            std::int64_t row) const override {
    all_.item(index, draw, batch, row);
  }
  data::Batch empty_batch(std::int64_t rows, const std::shared_ptr<Memory>& memory) const override {
    return all_.empty_batch(rows, memory);
  }

 private:
  const data::Dataset& all_;
  std::int64_t size_;
};

/// Calls `use` with each micro-batch of one pass; it returns false to end the pass.
template <class Use>
bool for_each_batch(const data::Dataset& dataset, const EvaluationOptions& options,
                    const Use& use) {
  const std::int64_t size =
      options.samples > 0 ? std::min(options.samples, dataset.size()) : dataset.size();
  const FirstSamples samples(dataset, size);
  data::LoaderOptions loading = data::evaluation_options(options.micro_batch);
  loading.threads = options.threads;
  data::Loader loader(samples, loading, make_host_pool());
  while (const std::optional<data::Batch> batch = loader.next())
    if (!use(*batch)) return false;
  return true;
}

}  // namespace

double Evaluation::metric(const std::string& name) const {
  for (const auto& [key, value] : metrics)
    if (key == name) return value;
  throw Error(str("evaluation: no figure \"", name, "\""));
}

Evaluation evaluate(Context& ctx, const model::Model& model, const Task& task,
                    const data::Dataset& dataset, const EvaluationOptions& options,
                    const std::function<bool()>& stop) {
  const auto start = std::chrono::steady_clock::now();
  Evaluation result;
  Tensor sums = ctx.zeros({2}, DType::f64);
  const std::unique_ptr<TaskMetrics> metrics = task.metrics();
  const bool whole = for_each_batch(dataset, options, [&](const data::Batch& batch) {
    if (stop()) return false;
    result.samples += batch.samples;
    result.tokens += batch.tokens;
    const std::int64_t targets = task.targets(batch);
    if (targets == 0) return true;
    model::Tape tape = model::Tape::off();
    const TaskBatch on_device = to_device(ctx, task.prepare(ctx, batch));
    Tensor outputs = model.forward(ctx, on_device.input, tape);
    metrics->add(batch, outputs);
    task.add_score(ctx, outputs, on_device, false, sums);
    result.targets += targets;
    return true;
  });
  if (!whole) return {};
  ORCHID_CHECK_INPUT(result.targets > 0, "evaluation: nothing to predict in ", result.samples,
                     " samples; is the validation data long enough?");
  const Score total = read_score(sums, static_cast<double>(result.targets));
  result.loss = total.loss / total.targets;
  result.metrics = metrics->values(total);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  result.complete = true;
  return result;
}

std::vector<std::vector<double>> predict_all(Context& ctx, const model::Model& model,
                                             const Task& task, const data::Dataset& dataset,
                                             const EvaluationOptions& options,
                                             const std::function<bool()>& stop) {
  std::vector<std::vector<double>> answers;
  for_each_batch(dataset, options, [&](const data::Batch& batch) {
    if (stop && stop()) return false;
    model::Tape tape = model::Tape::off();
    const TaskBatch on_device = to_device(ctx, task.prepare(ctx, batch));
    const Tensor outputs = model.forward(ctx, on_device.input, tape);
    const std::vector<double> values = values_of(outputs);
    const auto width = static_cast<std::ptrdiff_t>(outputs.shape().last());
    for (auto row = values.begin(); row != values.end(); row += width)
      answers.emplace_back(row, row + width);
    return true;
  });
  return answers;
}

}  // namespace orchid::train
