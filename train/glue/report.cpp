#include "train/glue/report.h"

#include "data/io/atomic_file.h"
#include "kernels/core/error.h"
#include "train/glue/scoring.h"
#include "train/glue/tables.h"
#include "train/report/curves.h"
#include "train/report/page.h"

namespace orchid::train {
namespace {

namespace fs = std::filesystem;

std::string html_row(const std::vector<std::string>& cells, const std::vector<bool>& numeric,
                     const char* element) {
  std::string row = "<tr>";
  for (std::size_t i = 0; i < cells.size(); ++i)
    row += str("<", element, numeric[i] ? " class=\"number\">" : ">", html_escape(cells[i]), "</",
               element, ">");
  return row + "</tr>\n";
}

std::string html_table(const GlueTable& table) {
  std::string html = "<table class=\"figures\">\n";
  for (std::size_t i = 0; i < table.rows.size(); ++i)
    html += html_row(table.rows[i], table.numeric, i == 0 ? "th" : "td");
  return html + "</table>\n";
}

/// Where the trainer's lines hold a figure of the dev sets: "valid/f1".
std::string curve_key(const std::string& metric) {
  const std::string second = "mismatched_";
  if (!metric.starts_with(second)) return "valid/" + metric;
  return "valid_mismatched/" + metric.substr(second.size());
}

/// Charts of a task with a curve a run, and which colour is which seed's.
std::string task_charts(const GlueTaskSummary& task) {
  std::vector<Curves> runs;
  std::string seeds;
  for (const GlueRunScore& scored : task.runs) {
    seeds += str(" <span class=\"name-", runs.size(), "\">", scored.run.seed, "</span>");
    runs.push_back(read_curves(scored.run.directory / "metrics.jsonl"));
  }
  const auto chart = [&](const std::string& title, const std::string& key) {
    std::vector<Series> series;
    for (const Curves& curves : runs) series.push_back(curve_of(curves, key, ""));
    return svg_chart(title, std::move(series));
  };
  const GlueScoring& scoring = glue_scoring(task.task);
  std::string charts = chart("loss, training set", "train/loss");
  charts += chart("loss, dev set", "valid/loss");
  for (const std::string& metric : scoring.paper)
    charts += chart(metrics_text({metric}), curve_key(metric));
  if (charts.empty()) return "";
  return str("<h2>", scoring.title, "</h2>\n<p class=\"sub\">seeds", seeds,
             "</p>\n<div class=\"charts\">\n", charts, "</div>\n");
}

}  // namespace

fs::path write_glue_report(const fs::path& directory, const GlueSummary& summary) {
  std::string body = str("<h1>", html_escape(summary.name), "</h1>\n<p class=\"sub\">",
                         kGlueHeading, "</p>\n", html_table(task_table(summary)));
  for (const std::string& remark : table_remarks(summary))
    body += str("<p>", html_escape(remark), "</p>\n");
  for (const GlueTaskSummary& task : summary.tasks) body += task_charts(task);
  body += str("<h2>Runs</h2>\n", html_table(run_table(summary)));
  if (!summary.notes.empty()) body += "<h2>Notes</h2>\n<ul>\n";
  for (const std::string& note : summary.notes) body += str("<li>", html_escape(note), "</li>\n");
  if (!summary.notes.empty()) body += "</ul>\n";
  const fs::path file = directory / "report.html";
  data::write_file(file, html_page(summary.name + ": GLUE", body));
  return file;
}

}  // namespace orchid::train
