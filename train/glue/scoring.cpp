#include "train/glue/scoring.h"

#include <algorithm>

#include "kernels/core/error.h"

namespace orchid::train {
namespace {

using Names = std::vector<std::string>;

constexpr std::string_view kMismatched = "mismatched_";

const std::vector<GlueScoring>& scorings() {
  static const std::vector<GlueScoring> all = [] {
    const Names accuracy = {"accuracy"}, both = {"accuracy", "f1"};
    const Names sets = {"accuracy", "mismatched_accuracy"};
    return std::vector<GlueScoring>{
        {"mnli", "MNLI", true, false, sets, sets},
        {"rte", "RTE", true, true, accuracy, accuracy},
        {"qnli", "QNLI", true, false, accuracy, accuracy},
        {"qqp", "QQP", true, false, both, both},
        {"sst2", "SST-2", true, false, accuracy, accuracy},
        {"stsb", "STS-B", true, true, {"spearman"}, {"pearson", "spearman"}},
        {"cola", "CoLA", true, false, {"matthews"}, {"matthews"}},
        {"mrpc", "MRPC", true, true, {"f1"}, both},
        {"wnli", "WNLI", false, false, accuracy, accuracy}};
  }();
  return all;
}

std::string metric_text(const std::string& name) {
  if (name.starts_with(kMismatched)) return metric_text(name.substr(kMismatched.size())) + " mm";
  if (name == "f1") return "F1";
  std::string text = name;
  if (name != "accuracy") text[0] = static_cast<char>(text[0] - 'a' + 'A');  // after a person
  return text;
}

}  // namespace

std::span<const GlueScoring> glue_scorings() {
  return scorings();
}

const GlueScoring& glue_scoring(const std::string& task) {
  std::string names;
  for (const GlueScoring& one : scorings()) {
    if (one.task == task) return one;
    names += str(names.empty() ? "" : " | ", one.task);
  }
  throw Error(str("expected a task of GLUE, ", names, "; got \"", task, "\""),
              ErrorKind::input_data);
}

std::string metrics_text(const Names& metrics) {
  if (metrics == Names{"accuracy", "mismatched_accuracy"}) return "accuracy m, mm";
  std::string text;
  for (const std::string& metric : metrics)
    text += (text.empty() ? "" : ", ") + metric_text(metric);
  return text;
}

bool is_glue_metric(const std::string& name) {
  const std::string plain = name.starts_with(kMismatched) ? name.substr(kMismatched.size()) : name;
  const Names known = {"accuracy", "f1", "matthews", "pearson", "spearman"};
  return std::find(known.begin(), known.end(), plain) != known.end();
}

}  // namespace orchid::train
