#pragma once

#include <filesystem>
#include <string>

#include "data/image/open.h"
#include "data/io/mapped_file.h"
#include "data/io/sources.h"
#include "data/io/stop.h"

namespace orchid::data {

constexpr std::string_view kPackedMagic = "ORCHIMG1";
constexpr std::int64_t kPackedVersion = 1;

/// Pictures in a folder of `index.txt` and memory-mapped shards (formats in data/README.md).
class PackedImages : public ImageCollection {
 public:
  struct Shard {
    std::string file;
    std::int64_t pictures = 0, bytes = 0, name_bytes = 0;
    std::uint64_t checksum = 0;
  };

  /// Checks the index and the sizes of files; reads no picture.
  explicit PackedImages(const std::filesystem::path& folder);

  std::int64_t size() const override { return size_; }
  std::int64_t label(std::int64_t index) const override;
  std::string name(std::int64_t index) const override;
  StoredImage stored(std::int64_t index) const override;

  const std::vector<Shard>& shards() const { return infos_; }
  /// Of the pictures, without heads and names.
  std::int64_t bytes() const;
  /// Shorter side and quality that pictures were brought to, or 0 and 0: bytes as they were.
  std::int64_t resized() const { return resized_; }
  std::int64_t quality() const { return quality_; }

  /// Reads everything: checksums, and that places and labels lie within bounds.
  void verify() const;

 private:
  struct Mapped {
    MappedFile map;
    std::int64_t first = 0;
    const std::byte* pictures = nullptr;
    const std::uint64_t* offsets = nullptr;  ///< pictures + 1, in bytes
    const std::int32_t* labels = nullptr;
    std::string_view names;  ///< a line each
  };
  void open_shard(const Shard&);
  const Mapped& shard_of(std::int64_t& index) const;

  std::filesystem::path folder_;
  ImageStorage storage_ = ImageStorage::file;
  std::int64_t width_ = 0, height_ = 0, resized_ = 0, quality_ = 0, size_ = 0;
  std::vector<Shard> infos_;
  std::vector<Mapped> mapped_;
};

struct PackOptions {
  std::filesystem::path out;  ///< a new folder
  std::int64_t size = 0;  ///< shorter side of what is larger; 0: bytes as they are, as of raw ones
  std::int64_t quality = 90;  ///< of the JPEGs that are made then
  std::int64_t shard_bytes = std::int64_t{256} << 20;
  int threads = 0;  ///< 0: all processors; the result is the same
  Progress progress = {};
  Stop stop = {};  ///< then an Interrupted, and nothing remains
};

struct PackReport {
  std::int64_t pictures = 0, resized = 0;
  std::int64_t shards = 0, bytes = 0, bytes_before = 0;
  double seconds = 0;
  std::vector<std::string> damaged = {};  ///< kept as they are: "name: what is wrong"
};

/// Writes all pictures of a collection, in their order, under the labels and names they have. The
/// folder appears when it is complete; what a killed run left of it is removed by the next one.
PackReport pack_images(const ImageCollection&, const PackOptions&);

}  // namespace orchid::data
