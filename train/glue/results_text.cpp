#include <algorithm>
#include <string_view>

#include "kernels/core/error.h"
#include "train/glue/results.h"
#include "train/glue/scoring.h"
#include "train/glue/tables.h"
#include "train/log/json_writer.h"

namespace orchid::train {
namespace {

std::string aligned(const GlueTable& table) {
  std::vector<std::size_t> widths(table.numeric.size());
  for (const auto& row : table.rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string text;
  for (const auto& row : table.rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - row[i].size(), ' ');
      line += str(i > 0 ? "  " : "", table.numeric[i] ? padding + row[i] : row[i] + padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

/// The text with what Markdown would take for its own behind backslashes, on one line.
std::string markdown_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\`*_[]<>|#~").find(c) != std::string_view::npos) out += '\\';
    out += c == '\n' || c == '\r' ? ' ' : c;
  }
  return out;
}

std::string markdown_row(const std::vector<std::string>& cells) {
  std::string line = "|";
  for (const std::string& cell : cells) line += str(" ", markdown_escape(cell), " |");
  return line + "\n";
}

std::string markdown(const GlueTable& table) {
  std::string text = markdown_row(table.rows[0]) + "|";
  for (const bool numeric : table.numeric) text += numeric ? "---:|" : "---|";
  text += "\n";
  for (std::size_t i = 1; i < table.rows.size(); ++i) text += markdown_row(table.rows[i]);
  return text;
}

void write_figure(JsonWriter& json, const char* name, const GlueFigure& figure) {
  json.key(name).begin_object().member("mean", figure.mean).member("median", figure.median);
  if (figure.deviation) json.member("deviation", *figure.deviation);
  json.end_object();
}

void write_names(JsonWriter& json, const char* key, const std::vector<std::string>& names) {
  json.key(key).begin_array();
  for (const std::string& name : names) json.value(name);
  json.end_array();
}

void write_run(JsonWriter& json, const GlueRunScore& scored) {
  const GlueRun& run = scored.run;
  json.begin_object().member("seed", run.seed).member("round", run.round);
  json.member("start", run.start).member("marked", scored.marked);
  json.member("completed", run.completed).member("paper", scored.paper);
  json.member("leaderboard", scored.leaderboard).key("metrics").begin_object();
  for (const auto& [name, value] : run.metrics) json.member(name, value);
  json.end_object().member("seconds", run.seconds).member("steps", run.steps);
  json.member("directory", run.directory.string()).end_object();
}

}  // namespace

std::string results_json(const GlueSummary& summary) {
  JsonWriter json(2);
  json.begin_object().member("name", summary.name).key("tasks").begin_array();
  for (const GlueTaskSummary& task : summary.tasks) {
    const GlueScoring& scoring = glue_scoring(task.task);
    json.begin_object().member("task", task.task).member("title", scoring.title);
    write_names(json, "paper_metrics", scoring.paper);
    write_names(json, "leaderboard_metrics", scoring.leaderboard);
    json.member("averaged", scoring.averaged && task.completed > 0).member("marked", task.marked);
    json.member("n", task.completed);
    write_figure(json, "paper", task.paper);
    write_figure(json, "leaderboard", task.leaderboard);
    json.key("runs").begin_array();
    for (const GlueRunScore& run : task.runs) write_run(json, run);
    json.end_array().end_object();
  }
  json.end_array().key("average").begin_object().member("name", summary.average_name);
  json.member("tasks", summary.averaged_tasks).member("paper", summary.paper_average);
  json.member("leaderboard", summary.leaderboard_average).end_object();
  write_names(json, "notes", summary.notes);
  return json.end_object().text() + "\n";
}

std::string results_text(const GlueSummary& summary) {
  std::string text = summary.name + ": " + kGlueHeading + "\n\n" + aligned(task_table(summary));
  text += "\n";
  for (const std::string& remark : table_remarks(summary)) text += remark + "\n";
  text += str("\n", aligned(run_table(summary)));
  if (!summary.notes.empty()) text += "\n";
  for (const std::string& note : summary.notes) text += str("note: ", note, "\n");
  return text;
}

std::string results_markdown(const GlueSummary& summary) {
  std::string text = str("# ", markdown_escape(summary.name), ": ", kGlueHeading, "\n\n");
  text += markdown(task_table(summary));
  for (const std::string& remark : table_remarks(summary))
    text += str("\n", markdown_escape(remark), "\n");
  text += str("\n## Runs\n\n", markdown(run_table(summary)));
  if (!summary.notes.empty()) text += "\n## Notes\n\n";
  for (const std::string& note : summary.notes) text += str("- ", markdown_escape(note), "\n");
  return text;
}

}  // namespace orchid::train
