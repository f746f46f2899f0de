#include "train/run_output.h"

namespace orchid::train {

RunOutput::RunOutput(const RunDirectory& directory, const Progress& progress, std::int64_t steps)
    : directory_(&directory), kept_(true), console_(progress.step, steps) {
  const bool evaluation_pending = progress.evaluated_step != progress.step;
  metrics_.emplace(directory.path() / "metrics.jsonl", progress.step, evaluation_pending);
  events_.emplace(directory.path() / "tensorboard", progress.step);
}

void RunOutput::metrics(const MetricLine& line) {
  if (metrics_) metrics_->write(line);
  if (events_) events_->write(line);
}

void RunOutput::sync() {
  if (metrics_) metrics_->sync();
}

}  // namespace orchid::train
