#include "train/classify.h"

#include <algorithm>
#include <cmath>
#include <istream>

namespace orchid::train {
namespace {

std::vector<std::string> labels_of(const RunConfig& config) {
  if (std::holds_alternative<RegressionTaskConfig>(config.task)) return {};
  const auto* task = std::get_if<ClassificationTaskConfig>(&config.task);
  ORCHID_CHECK_USAGE(task && std::holds_alternative<GlueDataConfig>(config.data),
                     "classify: expected a model fine-tuned to classify texts; this one is for "
                     "task.type ",
                     std::visit([](const auto& any) { return std::string(any.type); }, config.task),
                     "; `orchid glue` makes such models");
  std::vector<std::string> labels = task->labels;
  for (std::int64_t i = std::ssize(labels); i < task->classes; ++i) labels.push_back(str(i));
  return labels;
}

std::vector<double> softmax(const std::vector<double>& logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> shares;
  double sum = 0;
  for (const double logit : logits) sum += shares.emplace_back(std::exp(logit - largest));
  for (double& share : shares) share /= sum;
  return shares;
}

std::vector<std::string> split_at_tabs(const std::string& line) {
  std::vector<std::string> fields;
  for (std::size_t begin = 0;;) {
    const std::size_t tab = line.find('\t', begin);
    fields.push_back(line.substr(begin, tab - begin));
    if (tab == std::string::npos) return fields;
    begin = tab + 1;
  }
}

}  // namespace

TextClassifier::TextClassifier(Assembly& parts)
    : parts_(parts),
      labels_(labels_of(parts.config)),
      pairs_(data::glue_task(std::get<GlueDataConfig>(parts.config.data).task).pair) {}

std::vector<TextAnswer> TextClassifier::answer(std::span<const data::TextExample> texts) {
  const data::Vocabulary vocabulary =
      vocabulary_of(parts_.data.vocabulary, "the checkpoint's vocab.txt");
  const data::LabelledText encoded(texts, data::PairEncoder(vocabulary, parts_.length(), pairs_),
                                   data::Labels::none);
  const std::vector<std::vector<double>> outputs =
      predict_all(parts_.ctx, *parts_.model, *parts_.task, encoded, parts_.evaluation_options());
  std::vector<TextAnswer> answers;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    TextAnswer answer{.text = texts[i], .probabilities = {}, .label = {}};
    if (labels_.empty()) {
      answer.score = outputs[i][0];
    } else {
      answer.probabilities = softmax(outputs[i]);
      const auto& shares = answer.probabilities;
      answer.best = static_cast<std::int32_t>(std::max_element(shares.begin(), shares.end()) -
                                              shares.begin());
      answer.label = labels_[static_cast<std::size_t>(answer.best)];
    }
    answers.push_back(std::move(answer));
  }
  return answers;
}

std::vector<data::TextExample> read_texts(std::istream& input, const TextColumns& columns,
                                          const std::string& origin) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  std::vector<data::TextExample> texts;
  std::int64_t number = 0;
  for (std::string line; std::getline(input, line);) {
    if (++number == 1 && line.starts_with(kByteOrderMark)) line.erase(0, kByteOrderMark.size());
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || (number == 1 && columns.header)) continue;
    const std::vector<std::string> fields = split_at_tabs(line);
    data::TextExample example;
    for (std::size_t i = 0; i < columns.columns.size(); ++i) {
      const auto column = static_cast<std::size_t>(columns.columns[i]);
      ORCHID_CHECK_INPUT(column < fields.size(), origin, ":", number, ": expected at least ",
                         column + 1, " tab-separated columns, got ", fields.size());
      (i == 0 ? example.first : example.second) = fields[column];
    }
    texts.push_back(std::move(example));
  }
  return texts;
}

}  // namespace orchid::train
