#pragma once

#include <memory>
#include <optional>

#include "train/log/console.h"
#include "train/log/metrics.h"
#include "train/log/tensorboard.h"
#include "train/run_directory.h"

namespace orchid::train {

/// Where a run's numbers go: the console always, and the files of a run directory if there is one.
class RunOutput {
 public:
  /// For a trial without a directory.
  explicit RunOutput(std::int64_t steps) : console_(0, steps) {}
  /// For ranks after the first: nothing is written here, but `kept` by the first, or not.
  struct Follower {
    bool kept = false;
  };
  explicit RunOutput(Follower follower) : kept_(follower.kept), console_(Console::Silent{}) {}
  /// `progress`: where the run begins or goes on; later lines of an earlier process are removed.
  RunOutput(const RunDirectory&, const Progress& progress, std::int64_t steps);

  Console& console() { return console_; }
  const RunDirectory* directory() const { return directory_; }
  /// Whether the run has a directory, on this rank or the first.
  bool kept() const { return kept_; }

  void metrics(const MetricLine&);
  /// Before a checkpoint: what was written so far must not be newer than the disk's state.
  void sync();

 private:
  const RunDirectory* directory_ = nullptr;
  bool kept_ = false;
  Console console_;
  std::optional<MetricsFile> metrics_;
  std::optional<EventFile> events_;
};

}  // namespace orchid::train
