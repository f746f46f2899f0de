#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "data/io/atomic_file.h"
#include "data/io/checksum.h"
#include "data/text/shards.h"

namespace orchid::data {

/// Writes a token directory: documents in order, then finish(). It can be opened only after
/// finish(); to make a directory appear at once, write it under another name and rename it.
class ShardWriter {
 public:
  /// A shard is closed at the end of the document that brings it to `shard_tokens`.
  ShardWriter(std::filesystem::path directory, const Vocabulary& vocabulary, SampleMode mode,
              std::int64_t shard_tokens);

  /// Adds a document, or its next part when `continues`. Empty parts are ignored.
  void add(std::span<const std::int32_t> ids, bool continues = false);
  void finish();

  std::int64_t documents() const { return documents_; }
  std::int64_t tokens() const { return tokens_; }

 private:
  void open_shard();
  void close_shard();
  void flush();

  std::filesystem::path directory_;
  const Vocabulary& vocabulary_;
  SampleMode mode_;
  std::int64_t shard_tokens_;
  std::int64_t documents_ = 0;
  std::int64_t tokens_ = 0;
  bool inside_document_ = false;

  std::unique_ptr<AtomicFile> file_;  ///< of the open shard
  ShardInfo shard_;
  Checksum checksum_;
  std::vector<std::uint16_t> pending_;  ///< tokens not yet written
  std::vector<std::uint64_t> offsets_;  ///< where each document of the open shard begins
  std::vector<ShardInfo> finished_;
};

}  // namespace orchid::data
