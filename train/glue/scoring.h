#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace orchid::train {

/// How a task of GLUE is scored: the mean of these figures, times 100. Those of MNLI's second dev
/// set begin with "mismatched_".
struct GlueScoring {
  std::string_view task;           ///< "cola"
  std::string_view title;          ///< "CoLA"
  bool averaged;                   ///< WNLI is in no average
  bool from_mnli;                  ///< of the second round, which starts from the weights of MNLI
  std::vector<std::string> paper;  ///< as the papers on M2-BERT and Orchid compute it
  std::vector<std::string> leaderboard;  ///< as the GLUE leaderboard does
};

/// In the order of tables.
std::span<const GlueScoring> glue_scorings();
/// An input_data Error that lists the tasks if there is no such one.
const GlueScoring& glue_scoring(const std::string& task);

/// For a person: "accuracy m, mm", "accuracy, F1".
std::string metrics_text(const std::vector<std::string>& metrics);

/// Whether a figure is one that scores are made of, with or without "mismatched_".
bool is_glue_metric(const std::string& name);

}  // namespace orchid::train
