#pragma once

#include <filesystem>
#include <iosfwd>
#include <span>
#include <string>
#include <vector>

#include "train/assemble.h"

namespace orchid::train {

/// What a model answers for one text or pair of texts.
struct TextAnswer {
  data::TextExample text;
  std::vector<double> probabilities;  ///< by class; empty for a regression
  std::int32_t best = -1;             ///< the likeliest class
  std::string label;                  ///< its name, or its number where classes have no names
  double score = 0;                   ///< of a regression
};

/// Answers with a model fine-tuned for classification or regression of texts.
class TextClassifier {
 public:
  /// `parts` of a checkpoint, with its vocabulary; must outlive this. A usage Error for a model of
  /// another task.
  explicit TextClassifier(Assembly& parts);

  bool pairs() const { return pairs_; }  ///< what it was trained on
  std::vector<TextAnswer> answer(std::span<const data::TextExample> texts);
  const std::vector<std::string>& labels() const { return labels_; }

 private:
  Assembly& parts_;
  std::vector<std::string> labels_;  ///< by class; empty: a regression
  bool pairs_;
};

/// Which columns of tab-separated lines hold the text, or the pair.
struct TextColumns {
  std::vector<int> columns;  ///< one or two, from 0
  bool header = false;       ///< the first line names the columns
};

/// One text or pair a line; no quoting. Blank lines are left out. `origin` names the source in
/// input_data Errors.
std::vector<data::TextExample> read_texts(std::istream&, const TextColumns&,
                                          const std::string& origin);

}  // namespace orchid::train
