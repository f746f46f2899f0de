#include "train/evaluation.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>

#include "data/loader.h"
#include "train/tasks/mlm.h"

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

double entropy(const std::map<std::int32_t, std::int64_t>& counts, double total) {
  double sum = 0;
  for (const auto& [id, count] : counts) {
    const double share = static_cast<double>(count) / total;
    sum -= share * std::log(share);
  }
  return sum;
}

}  // namespace

Evaluation evaluate(Context& ctx, const model::Model& model, const data::Dataset& dataset,
                    const EvaluationOptions& options, const std::function<bool()>& stop) {
  const auto start = std::chrono::steady_clock::now();
  const std::int64_t size =
      options.samples > 0 ? std::min(options.samples, dataset.size()) : dataset.size();
  const FirstSamples samples(dataset, size);
  data::LoaderOptions loading = data::evaluation_options(options.micro_batch);
  loading.threads = options.threads;
  data::Loader loader(samples, loading, make_host_pool());

  Evaluation result;
  Tensor sums = ctx.zeros({2}, DType::f64);
  double all_targets = 0;
  std::map<std::int32_t, std::int64_t> counts;
  while (const std::optional<data::Batch> batch = loader.next()) {
    if (stop()) return {};
    result.samples += batch->samples;
    result.tokens += batch->tokens;
    const std::int64_t targets = batch->targets.count();
    if (targets == 0) continue;
    model::Tape tape = model::Tape::off();
    const MlmBatch on_device = to_device(ctx, mlm_batch(ctx, *batch));
    Tensor logits = model.forward(ctx, on_device.input, tape);
    add_score(ctx, logits, on_device.targets, false, sums);
    all_targets += static_cast<double>(targets);
    for (std::int64_t i = 0; i < targets; ++i) ++counts[batch->targets.data<std::int32_t>()[i]];
  }
  const Score total = read_score(sums, all_targets);
  ORCHID_CHECK_INPUT(total.targets > 0, "evaluation: no masked token in ", result.samples,
                     " samples; is the validation data long enough?");
  result.loss = total.loss / total.targets;
  result.accuracy = total.correct / total.targets;
  result.unigram_entropy = entropy(counts, total.targets);
  result.targets = static_cast<std::int64_t>(total.targets);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  result.complete = true;
  return result;
}

}  // namespace orchid::train
