#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace orchid::data {

/// Bytes that can be read at any place, by several threads at once.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::int64_t size() const = 0;
  /// Fills `to` from byte `offset` on; the range lies within the source.
  virtual void read(std::int64_t offset, std::span<std::byte> to) const = 0;
};

/// A file read where it lies; nothing of it is kept in memory.
class RandomFile : public ByteSource {
 public:
  explicit RandomFile(std::filesystem::path file);
  ~RandomFile() override;
  RandomFile(const RandomFile&) = delete;
  RandomFile& operator=(const RandomFile&) = delete;
  std::int64_t size() const override { return size_; }
  void read(std::int64_t offset, std::span<std::byte> to) const override;

 private:
  std::filesystem::path file_;
  int descriptor_ = -1;
  std::int64_t size_ = 0;
};

/// A regular file in a tar; `offset` counts from the start of the source.
struct TarMember {
  std::string name;
  std::int64_t offset = 0, size = 0;
};

struct TarMembers {
  std::vector<TarMember> files;
  std::int64_t links_left_out = 0;  ///< to what the tar does not hold, or to folders
};

/// The source begins as a tar does.
bool is_tar(const ByteSource&);

/// All regular files of a tar (ustar, GNU's and POSIX' long names), and links to them; hidden ones
/// left out. Those that end in .tar are opened in turn, and their members called by its name
/// without that end: ImageNet's training tar holds one for each class. Names have no "." parts.
/// input_data Errors name the byte, but know no file.
TarMembers tar_members(const ByteSource&);

}  // namespace orchid::data
