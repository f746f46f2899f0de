#include "train/report/report.h"

#include <cstdio>

#include "data/io/atomic_file.h"
#include "train/config/json.h"
#include "train/log/console.h"
#include "train/report/chart.h"
#include "train/report/curves.h"
#include "train/report/page.h"

namespace orchid::train {
namespace {

namespace fs = std::filesystem;

struct Chart {
  const char* metric;
  const char* title;
};

/// What the figures of a task are called; a chart of what was not measured is left out.
std::vector<Chart> task_charts(const std::string& task) {
  if (task == "classification")
    return {{"loss", "loss (nats)"},
            {"accuracy", "accuracy"},
            {"f1", "F1"},
            {"matthews", "Matthews correlation"}};
  if (task == "image_classification")
    return {{"loss", "loss (nats)"}, {"accuracy", "top-1 accuracy"}, {"top5", "top-5 accuracy"}};
  if (task == "regression")
    return {{"loss", "squared error"},
            {"pearson", "Pearson correlation"},
            {"spearman", "Spearman correlation"}};
  return {{"loss", "loss (nats per masked token)"}, {"accuracy", "accuracy at masked tokens"}};
}

std::string charts(const Curves& curves, const std::string& task) {
  std::string all;
  for (const auto& [metric, title] : task_charts(task)) {
    std::vector<Series> series;
    for (const auto& [split, name] :
         {std::pair{"train/", "train"}, std::pair{"valid/", "valid"},
          std::pair{"valid_mismatched/", "mismatched"}, std::pair{"valid_ema/", "moving average"}})
      series.push_back(curve_of(curves, str(split, metric), name));
    all += svg_chart(title, std::move(series));
  }
  return all + svg_chart("learning rate", {curve_of(curves, "train/learning_rate", "")}) +
         svg_chart("norm of the gradient", {curve_of(curves, "train/grad_norm", "")}) +
         svg_chart("tokens per second", {curve_of(curves, "train/tokens_per_s", "")}) +
         svg_chart("images per second", {curve_of(curves, "train/samples_per_s", "")});
}

/// "task.type" of a config.json; empty without one.
std::string task_of(const std::string& config) {
  const Json json = parse_json(config, ErrorKind::input_data);
  if (!json.is_object() || !json.contains("task") || !json["task"].is_object()) return "";
  const auto type = json["task"].find("type");
  return type != json["task"].end() && type->is_string() ? type->get<std::string>() : "";
}

std::string row(const std::string& key, const std::string& value) {
  return "<tr><td>" + html_escape(key) + "</td><td>" + html_escape(value) + "</td></tr>\n";
}

std::string value_text(const std::string& key, const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() && key.ends_with("_s")) {
    if (!key.ends_with("per_s")) return duration_text(value.get<double>());
    return short_number(value.get<double>());
  }
  if (value.is_number() && key.ends_with("_bytes")) return short_number(value.get<double>()) + "B";
  if (value.is_number_float()) {
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", value.get<double>());
    return text;
  }
  return value.dump();
}

/// Plain members as rows; objects such as "machine" member by member; lists are left to the file.
std::string summary_rows(const Json& summary, const std::string& prefix = "") {
  std::string rows;
  for (const auto& [key, value] : summary.items()) {
    if (value.is_object()) {
      rows += summary_rows(value, prefix + key + " ");
    } else if (!value.is_array()) {
      rows += row(prefix + key, value_text(key, value));
    }
  }
  return rows;
}

std::string op_rows(const Json& summary) {
  std::string rows;
  if (!summary.contains("trace") || !summary["trace"].contains("ops")) return rows;
  for (const Json& op : summary["trace"]["ops"]) {
    char text[96];
    std::snprintf(text, sizeof text, "%.1f %% of step time, %lld calls, %.3f s",
                  100 * op.value("share", 0.0), static_cast<long long>(op.value("calls", 0)),
                  op.value("seconds", 0.0));
    rows += row(op.value("op", ""), text);
  }
  return rows.empty() ? rows : "<h2>Time by op</h2>\n<table>\n" + rows + "</table>\n";
}

}  // namespace

fs::path write_report(const fs::path& run_directory) {
  const fs::path config_file = run_directory / "config.json";
  const fs::path summary_file = run_directory / "summary.json";
  ORCHID_CHECK_INPUT(fs::exists(config_file), run_directory.string(),
                     ": expected the directory of a run, with config.json");
  const std::string config = read_text(config_file, ErrorKind::input_data);
  const std::string task = with_context(config_file.string(), [&] { return task_of(config); });
  const Json summary = with_context(summary_file.string(), [&] {
    if (!fs::exists(summary_file)) return Json(Json::object());
    return parse_json(read_text(summary_file, ErrorKind::input_data), ErrorKind::input_data);
  });
  const std::string name = summary.is_object() ? summary.value("name", "run") : "run";
  const std::string state = summary.is_object() ? summary.value("state", "running") : "";
  std::string body =
      "<h1>" + html_escape(name) + "</h1>\n<p class=\"sub\">" + html_escape(state) + "</p>\n";
  body += "<div class=\"charts\">\n" + charts(read_curves(run_directory / "metrics.jsonl"), task) +
          "</div>\n";
  if (summary.is_object())
    body += "<table>\n" + summary_rows(summary) + "</table>\n" + op_rows(summary);
  body += "<details><summary>Configuration</summary>\n<pre>" + html_escape(config) +
          "</pre></details>\n";
  const fs::path file = run_directory / "report.html";
  data::write_file(file, html_page(name, body));
  return file;
}

}  // namespace orchid::train
