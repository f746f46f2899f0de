#include "data/image/packed.h"

#include <algorithm>
#include <bit>
#include <sstream>

#include "data/image/collections.h"
#include "data/io/checksum.h"
#include "data/io/paths.h"
#include "kernels/core/enum_names.h"
#include "kernels/core/error.h"

namespace orchid {
template <>
struct EnumNames<data::ImageStorage> {
  using S = data::ImageStorage;
  static constexpr EnumName<S> values[] = {
      {S::file, "file"}, {S::gray, "gray"}, {S::planes, "planes"}};
};
}  // namespace orchid

namespace orchid::data {
namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "shards are mapped as they lie");

constexpr std::string_view kIndexName = "index.txt";
constexpr std::string_view kHead = "orchid-images";
constexpr std::int64_t kMost = std::int64_t{1} << 44;  ///< keeps sums of sizes from overflow
constexpr std::int64_t kMostSide = 1 << 14;

/// Lines "name value..." of the index.
class IndexReader {
 public:
  explicit IndexReader(const fs::path& file)
      : file_(file.string()), text_(std::string(MappedFile::open(file).text())) {}

  /// The rest of the next line, which must begin with `name`.
  std::istringstream line(const std::string& name) {
    std::string line;
    std::getline(text_, line);
    ++number_;
    ORCHID_CHECK_INPUT(line == name || line.starts_with(name + " "), where(), "expected \"", name,
                       "\", got \"", line.substr(0, 40), "\"");
    return std::istringstream(line.substr(std::min(line.size(), name.size() + 1)));
  }
  std::int64_t number(std::istringstream& words, std::int64_t most = kMost) const {
    std::int64_t value = -1;
    words >> value;
    ORCHID_CHECK_INPUT(words && value >= 0 && value <= most, where(),
                       "expected a number from 0 to ", most);
    return value;
  }
  std::int64_t number(const std::string& name, std::int64_t most = kMost) {
    std::istringstream words = line(name);
    return number(words, most);
  }
  std::string where() const { return str(file_, ": line ", number_, ": "); }

 private:
  std::string file_;
  std::istringstream text_;
  int number_ = 0;
};

std::int64_t padded(std::int64_t bytes) {
  return (bytes + 7) / 8 * 8;
}

std::uint64_t file_bytes(const PackedImages::Shard& shard) {
  return static_cast<std::uint64_t>(8 + padded(shard.bytes) + 8 * (shard.pictures + 1) +
                                    padded(4 * shard.pictures) + shard.name_bytes);
}

}  // namespace

bool is_packed(const fs::path& folder) {
  if (!is_file(folder / kIndexName)) return false;
  return MappedFile::open(folder / kIndexName).text().starts_with(kHead);
}

std::shared_ptr<const ImageCollection> open_packed(const fs::path& folder) {
  return std::make_shared<PackedImages>(folder);
}

PackedImages::PackedImages(const fs::path& folder) : folder_(without_slash(folder)) {
  ORCHID_CHECK_INPUT(is_file(folder / kIndexName), folder.string(),
                     ": no folder of packed pictures: it has no ", kIndexName,
                     "; make it with `orchid data pack-images`");
  IndexReader index(folder / kIndexName);
  const std::int64_t version = index.number(std::string(kHead));
  ORCHID_CHECK_INPUT(version == kPackedVersion, index.where(), "expected version ", kPackedVersion,
                     ", got ", version);
  std::istringstream words = index.line("storage");
  std::string storage;
  words >> storage;
  ORCHID_CHECK_INPUT(storage == "file" || storage == "gray" || storage == "planes", index.where(),
                     "expected file | gray | planes, got \"", storage, "\"");
  storage_ = parse_enum<ImageStorage>(storage);
  width_ = index.number(words = index.line("extents"), kMostSide);
  height_ = index.number(words, kMostSide);
  resized_ = index.number(words = index.line("resized"), kMostSide);
  quality_ = index.number(words, 100);
  kind_ = "packed: " + index.line("kind").str();
  const std::int64_t classes = index.number("classes", 1 << 24);
  for (std::int64_t i = 0; i < classes; ++i) classes_.push_back(index.line("class").str());
  const std::int64_t pictures = index.number("pictures");
  const std::int64_t count = index.number("shards");
  for (std::int64_t i = 0; i < count; ++i) {
    Shard shard;
    (words = index.line("shard")) >> shard.file;
    shard.pictures = index.number(words);
    shard.bytes = index.number(words);
    shard.name_bytes = index.number(words);
    words >> std::hex >> shard.checksum;
    ORCHID_CHECK_INPUT(words, index.where(), "expected a checksum");
    open_shard(shard);
  }
  index.line("end");
  ORCHID_CHECK_INPUT(pictures == size_, index.where(), "the shards' pictures, ", size_,
                     ", do not add up to ", pictures);
}

void PackedImages::open_shard(const Shard& info) {
  const fs::path file = folder_ / info.file;
  ORCHID_CHECK_INPUT(is_plain_name(info.file), file.string(),
                     ": a shard must lie in the folder itself");
  Mapped shard{MappedFile::open(file), size_, nullptr, nullptr, nullptr, {}};
  ORCHID_CHECK_INPUT(shard.map.size() == file_bytes(info), file.string(), ": expected ",
                     file_bytes(info), " bytes, got ", shard.map.size(),
                     "; the file is truncated or not this index's");
  ORCHID_CHECK_INPUT(shard.map.text().starts_with(kPackedMagic), file.string(),
                     ": not a shard of pictures");
  const std::byte* at = shard.map.bytes().data() + kPackedMagic.size();
  shard.pictures = at;
  at += padded(info.bytes);
  shard.offsets = reinterpret_cast<const std::uint64_t*>(at);
  at += 8 * (info.pictures + 1);
  shard.labels = reinterpret_cast<const std::int32_t*>(at);
  at += padded(4 * info.pictures);
  shard.names = {reinterpret_cast<const char*>(at), static_cast<std::size_t>(info.name_bytes)};
  size_ += info.pictures;
  ORCHID_CHECK_INPUT(size_ <= kMost, file.string(), ": too many pictures");
  infos_.push_back(info);
  mapped_.push_back(std::move(shard));
}

/// `index` becomes that within the shard.
const PackedImages::Mapped& PackedImages::shard_of(std::int64_t& index) const {
  ORCHID_CHECK(index >= 0 && index < size_, folder_.string(), ": picture ", index, " of ", size_);
  const auto after =
      std::upper_bound(mapped_.begin(), mapped_.end(), index,
                       [](std::int64_t i, const Mapped& shard) { return i < shard.first; });
  const Mapped& shard = *(after - 1);
  index -= shard.first;
  return shard;
}

std::int64_t PackedImages::label(std::int64_t index) const {
  const Mapped& shard = shard_of(index);
  const std::int32_t label = shard.labels[index];
  ORCHID_CHECK_INPUT(label >= 0 && label < std::ssize(classes_), folder_.string(),
                     ": damaged: picture ", index + shard.first, ": expected a label below ",
                     classes_.size(), ", got ", label);
  return label;
}

std::string PackedImages::name(std::int64_t index) const {
  const std::int64_t whole = index;
  std::string_view names = shard_of(index).names;
  for (; index > 0 && !names.empty(); --index)
    names.remove_prefix(std::min(names.find('\n'), names.size() - 1) + 1);
  return str(folder_.string(), ": picture ", whole, " (", names.substr(0, names.find('\n')), ")");
}

StoredImage PackedImages::stored(std::int64_t index) const {
  const std::int64_t whole = index;
  const Mapped& shard = shard_of(index);
  const auto bytes =
      static_cast<std::uint64_t>(infos_[static_cast<std::size_t>(&shard - mapped_.data())].bytes);
  const std::uint64_t begin = shard.offsets[index], end = shard.offsets[index + 1];
  ORCHID_CHECK_INPUT(begin <= end && end <= bytes, folder_.string(), ": damaged: picture ", whole,
                     " spans bytes ", begin, " to ", end, " of ", bytes);
  StoredImage image;
  image.storage = storage_;
  image.width = width_;
  image.height = height_;
  image.bytes = {shard.pictures + begin, static_cast<std::size_t>(end - begin)};
  return image;
}

std::int64_t PackedImages::bytes() const {
  std::int64_t bytes = 0;
  for (const Shard& info : infos_) bytes += info.bytes;
  return bytes;
}

void PackedImages::verify() const {
  for (std::size_t i = 0; i < mapped_.size(); ++i) {
    const std::uint64_t sum = checksum(mapped_[i].map.bytes());
    ORCHID_CHECK_INPUT(sum == infos_[i].checksum, (folder_ / infos_[i].file).string(),
                       ": damaged: its checksum is not that of the index");
  }
  for (std::int64_t i = 0; i < size_; ++i) {
    label(i);
    stored(i);
  }
}

}  // namespace orchid::data
