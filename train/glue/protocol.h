#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "train/config/run_config.h"
#include "train/glue/results.h"

namespace orchid::train {

/// One fine-tuning run of the protocol, ready to be trained.
struct PlannedRun {
  GlueRun run;            ///< its directory is below that of the protocol
  RunConfig config;       ///< of an ordinary run
  bool waits = false;     ///< begins when the run it takes its weights from (MNLI's) is complete
  std::int64_t rows = 0;  ///< training samples of an epoch
};

struct GluePlan {
  std::vector<PlannedRun> runs;    ///< in the order they begin
  std::vector<std::string> notes;  ///< what a reader of the results must know
};

/// Training rows of a task; 0: its data are not there, and a task nobody asked for by name is left
/// out.
using CountRows = std::function<std::int64_t(const std::string& task)>;

/// The runs of config.glue (spec bert_glue 4.2, 4.3): tasks x seeds, those of the second round
/// after MNLI and from its final weights; without MNLI they start as the others do, with a note.
GluePlan plan_glue(const RunConfig& config, const std::filesystem::path& directory,
                   const CountRows& count_rows);

/// The rows of the official release.
std::int64_t official_rows(const std::string& task);

/// Optimizer steps of a planned run.
std::int64_t steps_of(const PlannedRun&);

}  // namespace orchid::train
