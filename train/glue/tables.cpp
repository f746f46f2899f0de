#include "train/glue/tables.h"

#include <cmath>
#include <cstdio>

#include "kernels/core/error.h"
#include "train/glue/scoring.h"
#include "train/log/console.h"

namespace orchid::train {
namespace {

std::string score_text(double score) {
  if (std::isnan(score)) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", score);
  return text;
}

std::string title_of(const GlueTaskSummary& task, bool marked) {
  return str(glue_scoring(task.task).title, marked ? "*" : "");
}

std::string measured_text(const GlueRun& run) {
  std::string text;
  for (const auto& [name, value] : run.metrics)
    text += str(text.empty() ? "" : ", ", metrics_text({name}), " ", score_text(100 * value));
  return text;
}

}  // namespace

GlueTable task_table(const GlueSummary& summary) {
  GlueTable table{{{"task", "metric", "n", "mean", "sd", "median", "leaderboard", "mean", "sd"}},
                  {false, false, true, true, true, true, false, true, true}};
  const auto deviation = [](const GlueFigure& figure) {
    return figure.deviation ? score_text(*figure.deviation) : "";
  };
  for (const GlueTaskSummary& task : summary.tasks) {
    const GlueScoring& scoring = glue_scoring(task.task);
    table.rows.push_back({title_of(task, task.marked), metrics_text(scoring.paper),
                          str(task.completed), score_text(task.paper.mean), deviation(task.paper),
                          score_text(task.paper.median), metrics_text(scoring.leaderboard),
                          score_text(task.leaderboard.mean), deviation(task.leaderboard)});
  }
  return table;
}

GlueTable run_table(const GlueSummary& summary) {
  GlueTable table{
      {{"run", "seed", "round", "start", "score", "leaderboard", "steps", "time", "measured"}},
      {false, true, true, false, true, true, true, true, false}};
  for (const GlueTaskSummary& task : summary.tasks)
    for (const GlueRunScore& scored : task.runs) {
      const GlueRun& run = scored.run;
      table.rows.push_back({title_of(task, scored.marked), str(run.seed), str(run.round), run.start,
                            score_text(scored.paper), score_text(scored.leaderboard),
                            str(run.steps), duration_text(run.seconds),
                            run.completed ? measured_text(run) : "not completed"});
    }
  return table;
}

std::vector<std::string> table_remarks(const GlueSummary& summary) {
  std::vector<std::string> remarks = {
      str(summary.average_name, ": ", score_text(summary.paper_average),
          "; scored as on the leaderboard: ", score_text(summary.leaderboard_average))};
  for (const GlueTaskSummary& task : summary.tasks)
    if (task.marked) {
      remarks.emplace_back(
          "* did not start from the weights of MNLI, as the second round of the protocol does");
      break;
    }
  return remarks;
}

}  // namespace orchid::train
