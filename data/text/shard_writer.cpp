#include "data/text/shard_writer.h"

#include <iomanip>
#include <sstream>
#include <string>
#include <utility>

#include "kernels/core/error.h"

namespace orchid::data {
namespace {

constexpr std::size_t kFlushTokens = std::size_t{1} << 19;

}  // namespace

ShardWriter::ShardWriter(std::filesystem::path directory, const Vocabulary& vocabulary,
                         SampleMode mode, std::int64_t shard_tokens)
    : directory_(std::move(directory)),
      vocabulary_(vocabulary),
      mode_(mode),
      shard_tokens_(shard_tokens) {
  ORCHID_CHECK_USAGE(vocabulary.size() <= kMostShardPieces, "token shards: expected at most ",
                     kMostShardPieces, " pieces, the vocabulary has ", vocabulary.size());
  ORCHID_CHECK_USAGE(shard_tokens > 0, "shard_tokens: expected above 0, got ", shard_tokens);
  std::error_code error;
  std::filesystem::create_directories(directory_, error);
  ORCHID_CHECK(!error, directory_.string(), ": cannot create: ", error.message());
}

void ShardWriter::add(std::span<const std::int32_t> ids, bool continues) {
  inside_document_ = inside_document_ && continues;
  if (ids.empty()) return;
  if (!inside_document_) {
    if (file_ && shard_.tokens >= shard_tokens_) close_shard();
    if (!file_) open_shard();
    offsets_.push_back(static_cast<std::uint64_t>(shard_.tokens));
    ++shard_.documents;
    ++documents_;
    inside_document_ = true;
  }
  for (const std::int32_t id : ids) pending_.push_back(static_cast<std::uint16_t>(id));
  shard_.tokens += static_cast<std::int64_t>(ids.size());
  if (pending_.size() >= kFlushTokens) flush();
  tokens_ += static_cast<std::int64_t>(ids.size());
}

void ShardWriter::open_shard() {
  std::ostringstream name;
  name << "tokens-" << std::setw(5) << std::setfill('0') << finished_.size() << ".bin";
  shard_ = {name.str(), 0, 0, 0};
  checksum_ = {};
  offsets_.clear();
  file_ = std::make_unique<AtomicFile>(directory_ / shard_.file);
  file_->write(kShardMagic);
  checksum_.update(std::as_bytes(std::span(kShardMagic)));
}

void ShardWriter::flush() {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(pending_));
  file_->write(bytes);
  checksum_.update(bytes);
  pending_.clear();
}

void ShardWriter::close_shard() {
  pending_.resize(pending_.size() + static_cast<std::size_t>((4 - shard_.tokens % 4) % 4), 0);
  flush();
  offsets_.push_back(static_cast<std::uint64_t>(shard_.tokens));
  const std::span<const std::byte> offsets = std::as_bytes(std::span(offsets_));
  file_->write(offsets);
  checksum_.update(offsets);
  shard_.checksum = checksum_.value();
  file_->commit();
  file_.reset();
  finished_.push_back(shard_);
}

void ShardWriter::finish() {
  if (file_) close_shard();
  vocabulary_.save(directory_ / "vocab.txt");
  std::ostringstream index;
  const auto hexadecimal = [&](std::uint64_t value) {
    index << std::hex << std::setw(16) << std::setfill('0') << value << std::dec << '\n';
  };
  index << "orchid-tokens " << kShardVersion << "\nmode " << name_of(mode_) << "\nvocabulary "
        << vocabulary_.size() << ' ';
  hexadecimal(checksum(vocabulary_.text()));
  index << "documents " << documents_ << "\ntokens " << tokens_ << "\nshards " << finished_.size()
        << '\n';
  for (const ShardInfo& shard : finished_) {
    index << "shard " << shard.file << ' ' << shard.documents << ' ' << shard.tokens << ' ';
    hexadecimal(shard.checksum);
  }
  index << "end\n";
  write_file(directory_ / "index.txt", index.str());
}

}  // namespace orchid::data
