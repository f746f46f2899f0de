#pragma once

#include "tests/e2e/workspace.h"

namespace orchid::test {

/// A workspace with small sets of MNLI, RTE, MRPC, STS-B and CoLA as GLUE has them (folder "glue"),
/// a tiny pretrained model ("pretrained"), and a configuration of the protocol over these five:
/// "glue.json", 2 seeds each but for MNLI's one; 5 steps an epoch, but for MNLI's 6;
/// 5 checkpoints or 6 a run.
class GlueWorkspace : public Workspace {
 public:
  explicit GlueWorkspace(int epochs = 5);

  using Words = std::vector<std::string>;
  /// `glue glue.json --run-dir out` and then `more`.
  Words protocol(const std::string& out, const Words& more = {}) const;
};

/// Directories of the runs of a protocol that have begun, such as "rte/seed-2".
std::vector<std::string> begun_runs(const std::filesystem::path& protocol);

/// "state" of a run's summary.json; empty without one.
std::string state_of(const std::filesystem::path& run);

/// The newest checkpoint of a run.
std::filesystem::path last_checkpoint(const std::filesystem::path& run);

/// What results.json, or another such document, says of a task.
nlohmann::json task_of(const nlohmann::json& results, const std::string& task);

/// Results but for times and paths.
nlohmann::json results_without_times(const std::filesystem::path& protocol);

/// Results, the final weights of every run, its metrics and the files for the leaderboard are the
/// same in both, byte for byte.
void check_same_protocol(const std::filesystem::path& a, const std::filesystem::path& b);

/// Processes that another one started and that still run.
std::vector<pid_t> children_of(pid_t);

}  // namespace orchid::test
