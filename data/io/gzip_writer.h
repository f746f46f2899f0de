#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "data/io/atomic_file.h"

namespace orchid::data {

/// Writes a .gz file that appears complete or not at all. Without times or names in it: the same
/// text gives the same bytes.
class GzipWriter {
 public:
  explicit GzipWriter(std::filesystem::path file);
  ~GzipWriter();

  void write(std::string_view text);
  void commit();

 private:
  struct Stream;
  void deflate_some(int flush);

  AtomicFile file_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace orchid::data
