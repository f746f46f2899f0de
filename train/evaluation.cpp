#include "train/evaluation.h"

#include <algorithm>
#include <chrono>

#include "data/loader.h"
#include "train/parallel/gather.h"

namespace orchid::train {
namespace {

/// Some samples of a data set, evenly from all of it: it may be sorted by class.
class Subsample : public data::Dataset {
 public:
  Subsample(const data::Dataset& all, std::int64_t size) : all_(all), size_(size) {}
  std::int64_t size() const override { return size_; }
  void item(std::int64_t index, std::uint64_t draw, data::Batch& batch,
            std::int64_t row) const override {
    all_.item(index * all_.size() / size_, draw, batch, row);
  }
  data::Batch empty_batch(std::int64_t rows, const std::shared_ptr<Memory>& memory) const override {
    return all_.empty_batch(rows, memory);
  }

 private:
  const data::Dataset& all_;
  std::int64_t size_;
};

/// Calls `use` with each micro-batch of one pass, or of this rank's share of it, as long as `stop`
/// does not say so.
template <class Use>
bool for_each_batch(const data::Dataset& dataset, const EvaluationOptions& options,
                    const std::function<bool()>& stop, const Use& use) {
  const std::int64_t size =
      options.samples > 0 ? std::min(options.samples, dataset.size()) : dataset.size();
  const Subsample samples(dataset, size);
  Communicator* const ranks = options.ranks && options.ranks->world() > 1 ? options.ranks : nullptr;
  data::LoaderOptions loading = data::evaluation_options(
      options.micro_batch, ranks ? ranks->rank() : 0, ranks ? ranks->world() : 1);
  loading.threads = options.threads;
  data::Loader loader(samples, loading, make_host_pool());
  for (std::int64_t step = 0; step < loader.steps_per_epoch(); ++step) {
    std::int64_t stopped = stop && stop() ? 1 : 0;
    if (ranks) ranks->reduce(std::span(&stopped, 1), Reduce::max, "evaluation goes on");
    if (stopped) return false;
    for (std::int64_t i = 0; i < loader.micro_batches(step); ++i) use(loader.next_or_throw());
  }
  return true;
}

/// Of all ranks, on each.
void add_up(Communicator& ranks, Evaluation& result, Score& score, TaskMetrics& metrics) {
  std::vector<double> sums = {score.loss, score.correct};
  ranks.reduce(sums, Reduce::sum, "evaluation score");
  std::vector<std::int64_t> counts = {result.targets, result.samples, result.tokens};
  ranks.reduce(counts, Reduce::sum, "evaluation counts");
  result.targets = counts[0];
  result.samples = counts[1];
  result.tokens = counts[2];
  score = {sums[0], sums[1], static_cast<double>(counts[0])};
  const auto states = gather(ranks, metrics.state(), "evaluation figures");
  for (std::size_t rank = 0; rank < states.size(); ++rank)
    if (static_cast<int>(rank) != ranks.rank()) metrics.merge(states[rank]);
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
  const bool whole = for_each_batch(dataset, options, stop, [&](const data::Batch& batch) {
    result.samples += batch.samples;
    result.tokens += batch.tokens;
    const std::int64_t targets = task.targets(batch);
    if (targets == 0) return;
    model::Tape tape = model::Tape::off();
    const TaskBatch on_device = to_device(ctx, task.prepare(ctx, batch));
    Tensor outputs = model.forward(ctx, on_device.input, tape);
    metrics->add(batch, outputs);
    task.add_score(ctx, outputs, on_device, false, sums);
    result.targets += targets;
  });
  if (!whole) return {};
  Score total = read_score(sums, static_cast<double>(result.targets));
  if (options.ranks && options.ranks->world() > 1) add_up(*options.ranks, result, total, *metrics);
  ORCHID_CHECK_INPUT(result.targets > 0, "evaluation: nothing to predict in ", result.samples,
                     " samples; is the validation data long enough?");
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
  EvaluationOptions of_all = options;
  of_all.samples = 0;
  for_each_batch(dataset, of_all, stop, [&](const data::Batch& batch) {
    model::Tape tape = model::Tape::off();
    const TaskBatch on_device = to_device(ctx, task.prepare(ctx, batch));
    const Tensor outputs = model.forward(ctx, on_device.input, tape);
    const std::vector<double> values = values_of(outputs);
    const auto width = static_cast<std::ptrdiff_t>(outputs.shape().last());
    for (auto row = values.begin(); row != values.end(); row += width)
      answers.emplace_back(row, row + width);
  });
  return answers;
}

}  // namespace orchid::train
