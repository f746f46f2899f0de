#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "data/text/wordpiece.h"

namespace orchid::data {

/// Pieces of the two texts of a pair.
struct PairLengths {
  std::int64_t first = 0;
  std::int64_t second = 0;
  bool operator==(const PairLengths&) const = default;
};

/// What is kept of a pair so that both together have at most `budget` pieces: the longer text is
/// cut first. The shorter one is cut only where both exceed half the budget; then it gets
/// floor(budget / 2) of it, the first text if both are as long, and the other gets the rest.
PairLengths truncate_pair(std::int64_t first, std::int64_t second, std::int64_t budget);

/// Texts or pairs of texts to rows of a fixed length L:
///   [CLS] first [SEP] [PAD]...            segment 0
///   [CLS] first [SEP] second [SEP] [PAD]...   segment 0 up to the first [SEP] and on the padding,
///                                             1 on the second text and its [SEP]
/// Immutable and thread safe.
class PairEncoder {
 public:
  /// `length` is at least 3 for texts and 5 for pairs.
  PairEncoder(const Vocabulary& vocabulary, std::int64_t length, bool pairs,
              const WordPieceOptions& options = {});

  std::int64_t length() const { return length_; }
  bool pairs() const { return pairs_; }
  std::int64_t vocabulary_size() const { return vocabulary_size_; }
  std::int32_t pad() const { return pad_; }
  std::shared_ptr<WordCache> make_cache() const { return wordpiece_.make_cache(); }

  /// Appends a row without its padding: at most length() ids. Returns how many of them are of
  /// segment 0. `second` is empty for a single text; one half of a pair may be empty too.
  std::int64_t append(std::string_view first, std::string_view second, WordCache& cache,
                      std::vector<std::int32_t>& ids) const;

  /// Writes a whole row: length() ids, and as many segments unless `segments` is empty. Returns
  /// how many positions are in use.
  std::int64_t encode(std::string_view first, std::string_view second, std::span<std::int32_t> ids,
                      std::span<std::int32_t> segments) const;

 private:
  WordPiece wordpiece_;
  std::int64_t length_;
  bool pairs_;
  std::int64_t vocabulary_size_;
  std::int32_t pad_, cls_, separator_;
};

}  // namespace orchid::data
