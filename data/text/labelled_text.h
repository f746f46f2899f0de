#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/text/pairs.h"

namespace orchid::data {

/// A text, or a pair of texts, with what is to be predicted of it.
struct TextExample {
  std::string first, second;  ///< `second` is empty for a single text
  std::int32_t label = -1;    ///< class; -1: none
  float score = 0;            ///< of a regression
  std::string id;             ///< how the example is named in a list of predictions
};

/// Keeps `count` random examples, chosen by `seed` alone, in the order they had; all of them if
/// there are no more.
void limit_examples(std::vector<TextExample>& examples, std::int64_t count, std::uint64_t seed);

/// What a batch holds beside the text: Batch::targets, Batch::scores or neither.
enum class Labels { classes, scores, none };

/// Examples for classification or regression, encoded once and kept in memory as ids (2 bytes a
/// piece, no padding). A batch has inputs, lengths and, for pairs, segments.
class LabelledText : public Dataset {
 public:
  /// `threads` encode, 0: as many as the machine has; the result does not depend on them.
  /// Neither argument needs to outlive the call.
  LabelledText(std::span<const TextExample> examples, const PairEncoder& encoder, Labels labels,
               int threads = 0);

  std::int64_t size() const override { return std::ssize(starts_) - 1; }
  void item(std::int64_t index, std::uint64_t draw, Batch& batch, std::int64_t row) const override;
  Batch empty_batch(std::int64_t rows, const std::shared_ptr<Memory>& memory) const override;

  std::int64_t length() const { return length_; }
  Labels labels() const { return labels_; }
  /// By index; empty unless labels() is `classes`, or `scores`.
  std::span<const std::int32_t> targets() const { return targets_; }
  std::span<const float> scores() const { return scores_; }
  const std::string& id(std::int64_t index) const;
  /// Positions in use, over all examples.
  std::int64_t tokens() const { return std::ssize(ids_); }

 private:
  void encode(std::span<const TextExample> examples, const PairEncoder& encoder, int threads);

  std::int64_t length_;
  bool pairs_;
  std::int32_t pad_;
  Labels labels_;
  std::vector<std::uint16_t> ids_;            ///< example after example, with [CLS] and [SEP]
  std::vector<std::int64_t> starts_;          ///< where each begins in ids_; then the end
  std::vector<std::int32_t> first_segments_;  ///< ids of segment 0 in each; pairs only
  std::vector<std::int32_t> targets_;
  std::vector<float> scores_;
  std::vector<std::string> names_;
};

}  // namespace orchid::data
