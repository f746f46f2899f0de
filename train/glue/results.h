#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace orchid::train {

/// One fine-tuning run of the GLUE protocol.
struct GlueRun {
  std::string task;  ///< "cola"
  std::uint64_t seed = 0;
  int round = 1;      ///< 1 or 2
  std::string start;  ///< "pretrained", "mnli" or "random"
  bool completed = false;
  /// On the dev set at the final weights: "accuracy", "f1", "matthews", "pearson", "spearman"; of
  /// MNLI's second dev set with "mismatched_" in front.
  std::vector<std::pair<std::string, double>> metrics;
  double seconds = 0;
  std::int64_t steps = 0;
  std::filesystem::path directory;

  /// NaN if it was not measured.
  double metric(const std::string& name) const;
};

/// All runs of a protocol, and what a reader of its results must know.
struct GlueOutcome {
  std::string name;
  std::vector<GlueRun> runs;
  std::vector<std::string> notes;
};

/// Over the completed runs of a task; NaN where a run's score is.
struct GlueFigure {
  double mean = std::numeric_limits<double>::quiet_NaN();
  std::optional<double> deviation;  ///< over n - 1; none for fewer than two runs
  double median = std::numeric_limits<double>::quiet_NaN();
};

struct GlueRunScore {
  GlueRun run;
  bool marked = false;  ///< of the second round, but not begun from the weights of MNLI
  double paper = std::numeric_limits<double>::quiet_NaN();  ///< times 100, as all scores
  double leaderboard = std::numeric_limits<double>::quiet_NaN();
};

struct GlueTaskSummary {
  std::string task;
  bool marked = false;             ///< one of its runs is
  std::vector<GlueRunScore> runs;  ///< those not completed too
  std::int64_t completed = 0;      ///< how many are: n of the figures
  GlueFigure paper, leaderboard;
};

/// Scores of a protocol both ways: as the papers on M2-BERT and Orchid compute them (MRPC by F1,
/// STS-B by Spearman), and as the leaderboard does (both by the mean of two figures).
struct GlueSummary {
  std::string name;
  std::vector<GlueTaskSummary> tasks;  ///< in the order of tables
  /// "GLUE average (8 tasks, dev)", or "mean of 3 tasks": those with a completed run, not WNLI.
  std::string average_name;
  std::int64_t averaged_tasks = 0;
  double paper_average = std::numeric_limits<double>::quiet_NaN();
  double leaderboard_average = std::numeric_limits<double>::quiet_NaN();
  std::vector<std::string> notes;
};

GlueSummary summarise(const GlueOutcome&);

/// One JSON document; what is NaN is null.
std::string results_json(const GlueSummary&);
/// Aligned tables for a terminal; what is NaN is "-".
std::string results_text(const GlueSummary&);
std::string results_markdown(const GlueSummary&);

}  // namespace orchid::train
