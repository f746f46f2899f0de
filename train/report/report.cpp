#include "train/report/report.h"

#include <cmath>
#include <map>
#include <sstream>

#include "data/io/atomic_file.h"
#include "train/config/json.h"
#include "train/log/console.h"
#include "train/report/chart.h"

namespace orchid::train {
namespace {

namespace fs = std::filesystem;

/// Curves by "train/loss" and so on, over steps.
using Curves = std::map<std::string, Series>;

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --back: #ffffff; --text: #1b1f24; --faint: #6a737d;
  --line: #d9dee3; --a: #0b62c4; --b: #c2410c; }
@media (prefers-color-scheme: dark) { :root { --back: #14171a; --text: #e6e9ec; --faint: #9aa4ae;
  --line: #30363c; --a: #6cb2ff; --b: #ffa061; } }
body { background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif;
  margin: 2rem auto; max-width: 84rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .2rem; } .sub { color: var(--faint); margin: 0 0 1.5rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); gap: 1.5rem; }
svg { width: 100%; height: auto; font-size: 12px; } svg text { fill: var(--text); }
svg .title { font-weight: 600; font-size: 14px; } svg .label { fill: var(--faint); }
.axis { stroke: var(--line); stroke-width: 1; } .curve { fill: none; stroke-width: 1.8; }
.curve-0 { stroke: var(--a); } .curve-1 { stroke: var(--b); }
.dot-0 { fill: var(--a); } .dot-1 { fill: var(--b); }
svg .legend-0 { fill: var(--a); } svg .legend-1 { fill: var(--b); }
table { border-collapse: collapse; margin: 1.5rem 0; } td { padding: .15rem 1.2rem .15rem 0;
  border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
td:first-child { color: var(--faint); white-space: nowrap; }
pre { overflow-x: auto; font-size: 13px; }
)";

Curves read_curves(const fs::path& file) {
  Curves curves;
  if (!fs::exists(file)) return curves;
  std::istringstream lines(read_text(file, ErrorKind::input_data, std::uintmax_t{1} << 32));
  std::int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const Json json = with_context(str(file.string(), ": line ", number), [&] {
      const Json value = parse_json(line, ErrorKind::input_data);
      ORCHID_CHECK_INPUT(value.is_object() && value.contains("step") &&
                             value["step"].is_number_integer() && value.contains("split") &&
                             value["split"].is_string(),
                         "expected an object with step and split");
      return value;
    });
    for (const auto& [key, value] : json.items()) {
      if (key == "step" || !(value.is_number() || value.is_null())) continue;
      Series& series = curves[json["split"].get<std::string>() + "/" + key];
      series.x.push_back(json["step"].get<double>());
      series.y.push_back(value.is_null() ? NAN : value.get<double>());
    }
  }
  return curves;
}

std::string charts(const Curves& curves) {
  const auto series = [&](const std::string& key, const std::string& name) {
    const auto found = curves.find(key);
    if (found == curves.end()) return Series{name, {}, {}};
    return Series{name, found->second.x, found->second.y};
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
  const std::string name = html_escape(summary.is_object() ? summary.value("name", "run") : "run");
  std::string page = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  page += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  page += "<title>" + name + "</title>\n<style>" + kStyle + "</style>\n</head>\n<body>\n";
  page += "<h1>" + name + "</h1>\n<p class=\"sub\">" +
          html_escape(summary.is_object() ? summary.value("state", "running") : "") + "</p>\n";
  page += "<div class=\"charts\">\n" + charts(read_curves(run_directory / "metrics.jsonl")) +
          "</div>\n";
  if (summary.is_object())
    page += "<table>\n" + summary_rows(summary) + "</table>\n" + op_rows(summary);
  page += "<details><summary>Configuration</summary>\n<pre>" + html_escape(config) +
          "</pre></details>\n</body>\n</html>\n";
  const fs::path file = run_directory / "report.html";
  data::write_file(file, page);
  return file;
}

}  // namespace orchid::train
