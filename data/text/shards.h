#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/io/mapped_file.h"
#include "data/text/vocabulary.h"

namespace orchid::data {

constexpr std::string_view kShardMagic = "ORCHTOK1";
constexpr int kShardVersion = 1;
/// Tokens are stored in 16 bits.
constexpr std::int64_t kMostShardPieces = 65536;

/// How documents become samples of a given length.
enum class SampleMode {
  document,  ///< one sample a document: its first length - 2 pieces
  packed,    ///< a document is cut into consecutive chunks of length - 2 pieces
};
const char* name_of(SampleMode);

/// What the index file of a token directory says of one shard file.
struct ShardInfo {
  std::string file;
  std::int64_t documents = 0;
  std::int64_t tokens = 0;
  std::uint64_t checksum = 0;
};

/// Tokenised documents on disk: a directory of `index.txt`, `vocab.txt` and memory-mapped shards
/// (formats in data/README.md). Immutable and thread safe.
class TokenShards {
 public:
  /// Checks index, vocabulary and file sizes; reads no tokens.
  static TokenShards open(const std::filesystem::path& directory);

  const std::filesystem::path& directory() const { return directory_; }
  const Vocabulary& vocabulary() const { return *vocabulary_; }
  /// The mode the documents were tokenised for.
  SampleMode mode() const { return mode_; }
  std::int64_t documents() const { return documents_; }
  std::int64_t tokens() const { return tokens_; }
  std::int64_t bytes() const;
  const std::vector<ShardInfo>& shards() const { return infos_; }

  /// Piece ids of one document, without [CLS] and [SEP]; never empty.
  std::span<const std::uint16_t> document(std::int64_t index) const;

  /// Reads everything: checksums, and every id below the vocabulary's size.
  void verify() const;

 private:
  struct Shard {
    MappedFile map;
    std::int64_t first_document = 0;
    const std::uint16_t* tokens = nullptr;
    const std::uint64_t* offsets = nullptr;  ///< documents + 1, in tokens
  };
  void open_shard(const ShardInfo&);

  std::filesystem::path directory_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  SampleMode mode_ = SampleMode::packed;
  std::int64_t documents_ = 0;
  std::int64_t tokens_ = 0;
  std::vector<ShardInfo> infos_;
  std::vector<Shard> shards_;
};

}  // namespace orchid::data
