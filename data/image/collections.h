#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/image/open.h"

namespace orchid::data {

// What open_images tells apart; each kind says whether a folder is one of its own.

/// Pictures of one size and storage, one after another in parts.
class RecordImages : public ImageCollection {
 public:
  struct Part {
    std::string file;  ///< as messages call it
    std::shared_ptr<const void> keeps;
    std::span<const std::byte> pixels;  ///< of the first picture; each next begins `stride` on
    std::size_t stride = 0;
    std::vector<std::uint8_t> labels = {};
  };
  RecordImages(std::string kind, std::vector<std::string> classes, ImageStorage storage,
               std::int64_t width, std::int64_t height);
  /// Checks that labels are below the number of classes.
  void add(Part part);

  std::int64_t size() const override { return size_; }
  std::int64_t label(std::int64_t index) const override;
  std::string name(std::int64_t index) const override;
  StoredImage stored(std::int64_t index) const override;

 private:
  const Part& part_of(std::int64_t& index) const;

  ImageStorage storage_;
  std::int64_t width_, height_, size_ = 0;
  std::vector<Part> parts_;
};

bool is_idx(const std::filesystem::path& folder);
std::shared_ptr<const ImageCollection> open_idx(const std::filesystem::path& folder, ImagePart);

bool is_cifar(const std::filesystem::path& folder);
std::shared_ptr<const ImageCollection> open_cifar(const std::filesystem::path& folder, ImagePart);

/// A folder of pictures, or a tar.
std::shared_ptr<const ImageCollection> open_tree(const std::filesystem::path& path, ImagePart);

bool is_packed(const std::filesystem::path& folder);
std::shared_ptr<const ImageCollection> open_packed(const std::filesystem::path& folder);

const char* name_of(ImagePart part);

/// The whole content of a file, decompressed if it is a .gz, of `most` bytes at most.
std::vector<std::byte> read_file(const std::filesystem::path& file, std::size_t most);

}  // namespace orchid::data
