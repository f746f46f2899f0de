#pragma once

#include <vector>

#include "train/glue/protocol.h"

namespace orchid::train {

/// How a queue ended.
struct QueueOutcome {
  std::vector<std::string> failures;  ///< "cola seed 19: ... see LOG"
  int signal = 0;                     ///< that stopped it, or 0
};

/// Trains the runs that are not complete, each in a process of its own: one a GPU, or `workers` at
/// a time. Progress goes to stderr. A run that fails does not keep others from running, but for
/// those that wait for its weights. A run that a process left by a killed command still saves is
/// waited for.
QueueOutcome train_all(const std::vector<PlannedRun>& runs, std::int64_t workers);

/// Whether the run's summary says so.
bool is_complete(const std::filesystem::path& run_directory);

}  // namespace orchid::train
