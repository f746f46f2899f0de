#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "kernels/core/error.h"
#include "train/config/text_file.h"
#include "train/glue/submission.h"

// Knows the format from its description alone and shares nothing with the writer, which it holds to
// account.

namespace orchid::train {
namespace {

struct Rules {
  std::string_view name;
  std::size_t rows;
  std::array<std::string_view, 3> values;  ///< allowed; all empty: a number from 0 to 5
};
constexpr std::array<Rules, 11> kRules{
    {{"AX", 1104, {"contradiction", "entailment", "neutral"}},
     {"CoLA", 1063, {"0", "1"}},
     {"MNLI-m", 9796, {"contradiction", "entailment", "neutral"}},
     {"MNLI-mm", 9847, {"contradiction", "entailment", "neutral"}},
     {"MRPC", 1725, {"0", "1"}},
     {"QNLI", 5463, {"entailment", "not_entailment"}},
     {"QQP", 390965, {"0", "1"}},
     {"RTE", 3000, {"entailment", "not_entailment"}},
     {"SST-2", 1821, {"0", "1"}},
     {"STS-B", 1379, {}},
     {"WNLI", 146, {"0", "1"}}}};

constexpr std::size_t kMostNamed = 10;

/// Digits, and a point between digits if any; from 0 to 5.
bool is_score(std::string_view text) {
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view rest = point == text.npos ? "" : text.substr(point + 1);
  const auto digits = [](std::string_view part) {
    return std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  if (whole.size() != 1 || !digits(whole) || !digits(rest)) return false;
  if (point != text.npos && rest.empty()) return false;
  return whole[0] < '5' || (whole[0] == '5' && rest.find_first_not_of('0') == rest.npos);
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kLongest = 60;
  return str('"', text.substr(0, kLongest), text.size() > kLongest ? "..." : "", '"');
}

bool is_allowed(const Rules& rules, std::string_view value) {
  if (rules.values[0].empty()) return is_score(value);
  return !value.empty() &&
         std::find(rules.values.begin(), rules.values.end(), value) != rules.values.end();
}

std::string allowed(const Rules& rules) {
  if (rules.values[0].empty()) return "a number from 0 to 5";
  std::string text;
  for (const std::string_view value : rules.values)
    if (!value.empty()) text += str(text.empty() ? "" : " or ", value);
  return text;
}

/// What is wrong with the row that ought to have this index.
std::optional<std::string> fault_of(const Rules& rules, std::string_view line, std::size_t index) {
  if (line.empty()) return "expected a row, got a blank line";
  if (line.back() == '\r') return "expected a line feed alone at the end, got a carriage return";
  const std::size_t tab = line.find('\t');
  if (tab == line.npos || line.find('\t', tab + 1) != line.npos)
    return str("expected index<TAB>prediction, got ", quoted(line));
  if (line.substr(0, tab) != str(index))
    return str("expected index ", index, ", got ", quoted(line.substr(0, tab)));
  const std::string_view value = line.substr(tab + 1);
  if (!is_allowed(rules, value)) return str("expected ", allowed(rules), ", got ", quoted(value));
  return std::nullopt;
}

/// Lines without their ends; what follows the last line feed is a line if it is not empty.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace

std::vector<std::string> check_submission(const std::filesystem::path& file) {
  const auto* rules = std::find_if(kRules.begin(), kRules.end(), [&](const Rules& one) {
    return file.filename() == str(one.name, ".tsv");
  });
  if (rules == kRules.end()) {
    std::string names;
    for (const Rules& one : kRules) names += str(names.empty() ? "" : ", ", one.name, ".tsv");
    return {str(file.string(), ": expected a file named ", names)};
  }
  const std::string text = read_text(file, ErrorKind::input_data);
  const std::vector<std::string_view> lines = lines_of(text);
  std::vector<std::string> faults;
  std::size_t unnamed = 0;
  const auto add = [&](std::size_t line, const std::string& fault) {
    if (faults.size() < kMostNamed)
      faults.push_back(str(file.string(), ": line ", line, ": ", fault));
    else
      ++unnamed;
  };
  if (lines.empty() || lines[0] != "index\tprediction")
    add(1, str("expected index<TAB>prediction, got ", quoted(lines.empty() ? "" : lines[0])));
  for (std::size_t i = 1; i < lines.size(); ++i)
    if (const auto fault = fault_of(*rules, lines[i], i - 1)) add(i + 1, *fault);
  if (!text.empty() && text.back() != '\n') add(lines.size(), "expected a line feed at its end");
  if (unnamed > 0) faults.push_back(str(file.string(), ": and ", unnamed, " faults more"));
  if (const std::size_t rows = lines.empty() ? 0 : lines.size() - 1; rows != rules->rows)
    faults.push_back(str(file.string(), ": expected ", rules->rows, " rows, got ", rows));
  return faults;
}

}  // namespace orchid::train
