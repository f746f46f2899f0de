#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "data/text/vocabulary.h"

namespace orchid::data {

/// Defaults follow Hugging Face's BertTokenizerFast for bert-base-uncased, except that special
/// strings in a text are plain text.
struct WordPieceOptions {
  bool literal_specials = false;  ///< "[MASK]" in a text becomes the special piece
  bool hf_cjk_gap = true;         ///< as there: U+2B820..2B91F does not count as CJK
  int max_word_characters = 100;  ///< a longer word is one [UNK]
};

/// Words already cut into pieces, in a table of fixed size. One a thread.
class WordCache;

/// Text to piece ids: clean, split CJK, strip accents, lower-case, split at blanks and
/// punctuation, then greedy longest match. Immutable and thread safe; no [CLS] or [SEP] is added.
class WordPiece {
 public:
  explicit WordPiece(const Vocabulary& vocabulary, const WordPieceOptions& options = {});
  ~WordPiece();
  WordPiece(WordPiece&&) noexcept;
  WordPiece& operator=(WordPiece&&) noexcept;

  std::vector<std::int32_t> encode(std::string_view text) const;

  /// The fast form: appends to `ids`, and stops soon after `max_pieces` new ones (then exactly
  /// that many are kept) if it is above 0.
  void encode(std::string_view text, WordCache& cache, std::vector<std::int32_t>& ids,
              std::int64_t max_pieces = 0) const;

  std::shared_ptr<WordCache> make_cache() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace orchid::data
