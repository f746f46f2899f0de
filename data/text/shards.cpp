#include "data/text/shards.h"

#include <algorithm>
#include <bit>
#include <iomanip>
#include <sstream>
#include <utility>

#include "data/io/checksum.h"
#include "data/io/paths.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

static_assert(std::endian::native == std::endian::little, "token shards are mapped as they lie");

constexpr std::string_view kIndexName = "index.txt";
constexpr std::string_view kVocabularyName = "vocab.txt";
constexpr std::int64_t kMostTokens = std::int64_t{1} << 48;  ///< keeps sums of sizes from overflow

/// Lines `name value...` of an index file, in order; a reader that knows where it is.
class IndexReader {
 public:
  explicit IndexReader(const std::filesystem::path& file)
      : file_(file.string()), text_(std::string(MappedFile::open(file).text())) {}

  /// The rest of the next line, which must begin with `name`.
  std::istringstream line(const std::string& name) {
    std::string line;
    std::getline(text_, line);
    ++number_;
    std::istringstream words(line);
    std::string found;
    words >> found;
    ORCHID_CHECK_INPUT(found == name, where(), "expected \"", name, "\", got \"", found, "\"");
    return words;
  }
  std::int64_t number(std::istringstream& words) const {
    std::int64_t value = -1;
    words >> value;
    ORCHID_CHECK_INPUT(words && value >= 0 && value <= kMostTokens, where(),
                       "expected a number from 0 to ", kMostTokens);
    return value;
  }
  std::uint64_t checksum(std::istringstream& words) const {
    std::uint64_t value = 0;
    words >> std::hex >> value;
    ORCHID_CHECK_INPUT(words, where(), "expected a checksum");
    return value;
  }
  std::string where() const { return str(file_, ": line ", number_, ": "); }

 private:
  std::string file_;
  std::istringstream text_;
  int number_ = 0;
};

std::string hexadecimal(std::uint64_t value) {
  std::ostringstream out;
  out << std::hex << std::setw(16) << std::setfill('0') << value;
  return out.str();
}

std::uint64_t padded_token_bytes(std::int64_t tokens) {
  return (2 * static_cast<std::uint64_t>(tokens) + 7) / 8 * 8;
}

std::uint64_t shard_bytes(const ShardInfo& info) {
  return kShardMagic.size() + padded_token_bytes(info.tokens) +
         8 * (static_cast<std::uint64_t>(info.documents) + 1);
}

SampleMode parse_mode(const std::string& text, const std::string& where) {
  for (const SampleMode mode : {SampleMode::document, SampleMode::packed}) {
    if (text == name_of(mode)) return mode;
  }
  throw Error(str(where, "expected document or packed, got \"", text, "\""), ErrorKind::input_data);
}

}  // namespace

const char* name_of(SampleMode mode) {
  return mode == SampleMode::document ? "document" : "packed";
}

TokenShards TokenShards::open(const std::filesystem::path& directory) {
  ORCHID_CHECK_INPUT(std::filesystem::is_directory(directory), directory.string(),
                     ": no such directory; make it with `orchid data tokenize`");
  ORCHID_CHECK_INPUT(std::filesystem::exists(directory / kIndexName), directory.string(),
                     ": no token directory: it has no ", kIndexName);
  TokenShards shards;
  shards.directory_ = without_slash(directory);
  IndexReader index(directory / kIndexName);
  std::istringstream words = index.line("orchid-tokens");
  const std::int64_t version = index.number(words);
  ORCHID_CHECK_INPUT(version == kShardVersion, index.where(), "expected version ", kShardVersion,
                     ", got ", version);
  std::string mode;
  (words = index.line("mode")) >> mode;
  shards.mode_ = parse_mode(mode, index.where());

  words = index.line("vocabulary");
  const std::int64_t pieces = index.number(words);
  const std::uint64_t sum = index.checksum(words);
  const auto vocabulary =
      std::make_shared<const Vocabulary>(Vocabulary::load(directory / kVocabularyName));
  ORCHID_CHECK_INPUT(vocabulary->size() == pieces && checksum(vocabulary->text()) == sum,
                     (directory / kVocabularyName).string(),
                     ": not the vocabulary the tokens were made with");
  shards.vocabulary_ = vocabulary;

  const std::int64_t documents = index.number(words = index.line("documents"));
  const std::int64_t tokens = index.number(words = index.line("tokens"));
  const std::int64_t count = index.number(words = index.line("shards"));
  for (std::int64_t i = 0; i < count; ++i) {
    ShardInfo info;
    (words = index.line("shard")) >> info.file;
    info.documents = index.number(words);
    info.tokens = index.number(words);
    info.checksum = index.checksum(words);
    shards.open_shard(info);
  }
  index.line("end");
  ORCHID_CHECK_INPUT(documents == shards.documents_ && tokens == shards.tokens_, index.where(),
                     "the shards' documents or tokens do not add up to the totals");
  return shards;
}

void TokenShards::open_shard(const ShardInfo& info) {
  const std::filesystem::path file = directory_ / info.file;
  ORCHID_CHECK_INPUT(is_plain_name(info.file), file.string(),
                     ": a shard must lie in the token directory");
  Shard shard{MappedFile::open(file), documents_, nullptr, nullptr};
  ORCHID_CHECK_INPUT(shard.map.size() == shard_bytes(info), file.string(), ": expected ",
                     shard_bytes(info), " bytes, got ", shard.map.size(),
                     "; the file is truncated or not this index's");
  ORCHID_CHECK_INPUT(shard.map.text().starts_with(kShardMagic), file.string(),
                     ": not a token shard");
  const std::byte* tokens = shard.map.bytes().data() + kShardMagic.size();
  shard.tokens = reinterpret_cast<const std::uint16_t*>(tokens);
  shard.offsets = reinterpret_cast<const std::uint64_t*>(tokens + padded_token_bytes(info.tokens));
  documents_ += info.documents;
  tokens_ += info.tokens;
  ORCHID_CHECK_INPUT(tokens_ <= kMostTokens && documents_ <= kMostTokens, file.string(),
                     ": too many tokens");
  infos_.push_back(info);
  shards_.push_back(std::move(shard));
}

std::int64_t TokenShards::bytes() const {
  std::uint64_t bytes = 0;
  for (const ShardInfo& info : infos_) bytes += shard_bytes(info);
  return static_cast<std::int64_t>(bytes);
}

std::span<const std::uint16_t> TokenShards::document(std::int64_t index) const {
  ORCHID_CHECK(index >= 0 && index < documents_, directory_.string(), ": document ", index, " of ",
               documents_);
  const auto after =
      std::upper_bound(shards_.begin(), shards_.end(), index,
                       [](std::int64_t i, const Shard& shard) { return i < shard.first_document; });
  const std::size_t which = static_cast<std::size_t>(after - shards_.begin()) - 1;
  const Shard& shard = shards_[which];
  const std::int64_t local = index - shard.first_document;
  const std::uint64_t begin = shard.offsets[local], end = shard.offsets[local + 1];
  ORCHID_CHECK_INPUT(begin < end && end <= static_cast<std::uint64_t>(infos_[which].tokens),
                     (directory_ / infos_[which].file).string(), ": damaged: document ", local,
                     " spans tokens ", begin, " to ", end, " of ", infos_[which].tokens);
  return {shard.tokens + begin, static_cast<std::size_t>(end - begin)};
}

void TokenShards::verify() const {
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    const std::string file = (directory_ / infos_[i].file).string();
    const std::uint64_t sum = checksum(shards_[i].map.bytes());
    ORCHID_CHECK_INPUT(sum == infos_[i].checksum, file, ": damaged: checksum ", hexadecimal(sum),
                       ", the index says ", hexadecimal(infos_[i].checksum));
  }
  const auto pieces = static_cast<std::uint64_t>(vocabulary().size());
  for (std::int64_t i = 0; i < documents_; ++i) {
    for (const std::uint16_t id : document(i)) {
      ORCHID_CHECK_INPUT(id < pieces, directory_.string(), ": document ", i, ": piece ", id, " of ",
                         pieces);
    }
  }
}

}  // namespace orchid::data
