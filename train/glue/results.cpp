#include "train/glue/results.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/core/error.h"
#include "train/glue/scoring.h"

namespace orchid::train {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t kAllTasks = 8;

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double score(const GlueRun& run, const std::vector<std::string>& metrics) {
  std::vector<double> values;
  for (const std::string& name : metrics) values.push_back(100 * run.metric(name));
  return mean_of(values);
}

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

GlueFigure figure(const std::vector<double>& scores) {
  GlueFigure result;
  if (scores.empty()) return result;
  result.mean = mean_of(scores);
  if (scores.size() > 1) {
    double squares = 0;
    for (const double one : scores) squares += (one - result.mean) * (one - result.mean);
    result.deviation = std::sqrt(squares / static_cast<double>(scores.size() - 1));
  }
  if (!std::isnan(result.mean)) result.median = median_of(scores);
  return result;
}

/// What is missing from the figures of a run's scores, for a note.
std::string missing(const GlueRun& run, const GlueScoring& scoring) {
  std::vector<std::string> names = scoring.leaderboard;
  for (const std::string& name : scoring.paper)
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  std::erase_if(names, [&](const std::string& name) { return !std::isnan(run.metric(name)); });
  return metrics_text(names);
}

void note_run(const GlueRun& run, const GlueScoring& scoring, std::vector<std::string>& notes) {
  const std::string name = str(scoring.title, ", seed ", run.seed, ": ");
  if (!run.completed) {
    notes.push_back(name + "not completed; in no mean");
  } else if (const std::string lacking = missing(run, scoring); !lacking.empty()) {
    notes.push_back(name + "no value of " + lacking + "; means it would be part of are shown as -");
  }
}

GlueTaskSummary summarise_task(const GlueScoring& scoring, const GlueOutcome& outcome,
                               std::vector<std::string>& notes) {
  GlueTaskSummary result;
  result.task = scoring.task;
  std::vector<double> paper, leaderboard;
  for (const GlueRun& run : outcome.runs) {
    if (run.task != scoring.task) continue;
    GlueRunScore scored{run, scoring.from_mnli && run.start != "mnli", kNaN, kNaN};
    result.marked |= scored.marked;
    if (run.completed) {
      scored.paper = score(run, scoring.paper);
      scored.leaderboard = score(run, scoring.leaderboard);
      paper.push_back(scored.paper);
      leaderboard.push_back(scored.leaderboard);
      ++result.completed;
    }
    note_run(run, scoring, notes);
    result.runs.push_back(std::move(scored));
  }
  result.paper = figure(paper);
  result.leaderboard = figure(leaderboard);
  if (!result.runs.empty() && result.completed == 0)
    notes.push_back(str(scoring.title, ": no run is completed; it is in no average"));
  if (!result.runs.empty() && !scoring.averaged)
    notes.push_back(str(scoring.title, " is in no average"));
  return result;
}

}  // namespace

double GlueRun::metric(const std::string& name) const {
  for (const auto& [key, value] : metrics)
    if (key == name) return value;
  return kNaN;
}

GlueSummary summarise(const GlueOutcome& outcome) {
  for (const GlueRun& run : outcome.runs) glue_scoring(run.task);  // throws for another one
  GlueSummary summary;
  summary.name = outcome.name;
  summary.notes = outcome.notes;
  std::vector<double> paper, leaderboard;
  for (const GlueScoring& scoring : glue_scorings()) {
    GlueTaskSummary task = summarise_task(scoring, outcome, summary.notes);
    if (task.runs.empty()) continue;
    if (scoring.averaged && task.completed > 0) {
      paper.push_back(task.paper.mean);
      leaderboard.push_back(task.leaderboard.mean);
    }
    summary.tasks.push_back(std::move(task));
  }
  summary.averaged_tasks = std::ssize(paper);
  summary.average_name =
      summary.averaged_tasks == kAllTasks
          ? "GLUE average (8 tasks, dev)"
          : str("mean of ", paper.size(), paper.size() == 1 ? " task" : " tasks");
  summary.paper_average = mean_of(paper);  // of none: NaN
  summary.leaderboard_average = mean_of(leaderboard);
  return summary;
}

}  // namespace orchid::train
