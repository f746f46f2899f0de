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

std::string charts(const Curves& curves) {
  const auto series = [&](const std::string& key, const std::string& name) {
    return curve_of(curves, key, name);
  };
  return svg_chart("loss (nats per masked token)",
                   {series("train/loss", "train"), series("valid/loss", "valid")}) +
         svg_chart("accuracy at masked tokens",
                   {series("train/accuracy", "train"), series("valid/accuracy", "valid")}) +
         svg_chart("learning rate", {series("train/learning_rate", "")}) +
         svg_chart("norm of the gradient", {series("train/grad_norm", "")}) +
         svg_chart("tokens per second", {series("train/tokens_per_s", "")});
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
  const Json summary = with_context(summary_file.string(), [&] {
    if (!fs::exists(summary_file)) return Json(Json::object());
    return parse_json(read_text(summary_file, ErrorKind::input_data), ErrorKind::input_data);
  });
  const std::string name = summary.is_object() ? summary.value("name", "run") : "run";
  const std::string state = summary.is_object() ? summary.value("state", "running") : "";
  std::string body =
      "<h1>" + html_escape(name) + "</h1>\n<p class=\"sub\">" + html_escape(state) + "</p>\n";
  body += "<div class=\"charts\">\n" + charts(read_curves(run_directory / "metrics.jsonl")) +
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
