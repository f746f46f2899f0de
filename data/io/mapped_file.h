#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

namespace orchid::data {

/// A file mapped into memory, read only. An empty file maps to no bytes.
class MappedFile {
 public:
  /// Throws an input_data Error naming the file if it cannot be opened or is no regular file.
  static MappedFile open(const std::filesystem::path& file);

  MappedFile() = default;
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::span<const std::byte> bytes() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace orchid::data
