#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "data/io/partial.h"

namespace orchid::data {

/// A file that appears complete or not at all: written under a temporary name in the same
/// directory, flushed to the disk, renamed by commit(). Without commit() nothing remains.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path file);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  /// Bytes written so far.
  std::size_t size() const { return size_; }
  void commit();

 private:
  [[noreturn]] void fail(const char* doing) const;

  std::filesystem::path file_;
  std::string temporary_;
  int descriptor_ = -1;
  std::size_t size_ = 0;
};

/// Writes `text` as the whole content of `file`, atomically.
void write_file(const std::filesystem::path& file, std::string_view text);

/// Renames a finished directory, and flushes both it and its parent. `to` must not exist.
void commit_directory(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace orchid::data
