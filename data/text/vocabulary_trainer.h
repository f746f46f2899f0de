#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/io/sources.h"
#include "data/io/stop.h"
#include "data/text/string_map.h"
#include "data/text/vocabulary.h"

namespace orchid::data {

/// What `orchid data vocab` does.
struct VocabularyOptions {
  std::vector<std::string> inputs;  ///< files, directories, patterns
  std::int64_t size = 8192;         ///< pieces at most, the five specials included
  std::int64_t alphabet = 1000;  ///< the most frequent characters; words with others are left out
  std::int64_t min_count = 2;    ///< a piece must occur as often to be made
  int threads = 0;               ///< 0: all processors; the result does not depend on it
  Progress progress;
  Stop stop;  ///< then an Interrupted
};

struct VocabularyReport {
  std::int64_t files = 0;
  std::int64_t documents = 0;
  std::int64_t bytes = 0;  ///< of text, UTF-8
  std::int64_t words = 0;  ///< in the text
  std::int64_t distinct_words = 0;
  std::int64_t pieces = 0;  ///< in the vocabulary
  double seconds = 0;
};

/// How often each word occurs.
using WordCounts = StringMap<std::int64_t>;

/// Makes a WordPiece vocabulary from words: specials, then single characters, then pieces made by
/// merging, again and again, the two neighbouring pieces that meet most often (byte pair
/// encoding on characters; ties go to the older pieces).
Vocabulary train_vocabulary(const WordCounts& words, const VocabularyOptions& options);

/// The same from files, with the words as the tokenizer will see them.
Vocabulary train_vocabulary(const VocabularyOptions& options, VocabularyReport* report = nullptr);

}  // namespace orchid::data
