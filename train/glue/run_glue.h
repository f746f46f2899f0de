#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "train/config/run_config.h"
#include "train/glue/results.h"
#include "train/train.h"

namespace orchid::train {

/// What `orchid glue` was asked for.
struct GlueRequest {
  std::filesystem::path config;
  std::vector<std::string> sets;
  std::filesystem::path from;       ///< checkpoint whose weights and model start the runs; or empty
  std::filesystem::path directory;  ///< empty: runs/<name>
};

/// The configuration a request means: with `from`, its init.checkpoint and the model of that
/// checkpoint, but for the rates of dropout, which are the file's.
RunConfig glue_config(const GlueRequest&);

/// Writes results.json, results.md and report.html of a protocol from the directories of its runs.
GlueSummary write_results(const std::filesystem::path& directory);

/// Runs the protocol, or goes on with it: what is complete is not run again, what was interrupted
/// goes on from its checkpoint. Writes glue.json, results.json, results.md, report.html and the
/// files for the leaderboard. Everything is read and checked before the first run begins. Exit code
/// 1 if a run failed.
TrainResult run_glue(const GlueRequest&);

}  // namespace orchid::train
