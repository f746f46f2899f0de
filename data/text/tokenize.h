#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/io/sources.h"
#include "data/io/stop.h"
#include "data/text/shards.h"
#include "data/text/wordpiece.h"

namespace orchid::data {

/// What `orchid data tokenize` does. Defaults of `mode` and `max_characters` follow the input:
/// plain text is packed and whole, JSON lines give one sample a document from its first 4000
/// characters.
struct TokenizeOptions {
  std::vector<std::string> inputs;   ///< files, directories, patterns
  std::filesystem::path vocabulary;  ///< vocab.txt
  std::filesystem::path out;         ///< a new directory
  DocumentUnit unit = DocumentUnit::file;
  std::optional<SampleMode> mode;
  std::optional<std::int64_t> max_characters;  ///< of a document; 0: all
  std::int64_t max_pieces = 0;                 ///< of a document; 0: all
  double valid_fraction = 0;  ///< above 0: writes out/train and out/valid, else out itself
  std::int64_t shard_tokens = std::int64_t{1} << 26;
  int threads = 0;  ///< 0: all processors; the result does not depend on it
  WordPieceOptions wordpiece;
  Progress progress;
  Stop stop;  ///< then an Interrupted, and nothing remains
};

struct TokenizeReport {
  std::int64_t files = 0;
  std::int64_t documents = 0;        ///< read
  std::int64_t empty_documents = 0;  ///< read, but without a single piece
  std::int64_t bytes = 0;            ///< of text, UTF-8
  std::int64_t tokens = 0;           ///< written, train and valid
  std::int64_t train_documents = 0;  ///< written; a text split in blocks gives several
  std::int64_t train_tokens = 0;
  std::int64_t valid_documents = 0;
  std::int64_t valid_tokens = 0;
  double unknown_rate = 0;  ///< share of [UNK] among tokens
  double seconds = 0;
  double megabytes_per_second() const;
  SampleMode mode = SampleMode::packed;
  std::filesystem::path train;  ///< directories written
  std::filesystem::path valid;  ///< empty without a valid split
};

/// Text files to token directories. `out` appears complete or not at all.
/// For a split, text is cut into blocks of about 2000 words at line ends, and a hash of its
/// content puts each block (of JSON: each document) on one side.
TokenizeReport tokenize(const TokenizeOptions&);

}  // namespace orchid::data
