#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace orchid::data {

/// Reads a file line by line; a .gz file is decompressed on the way. A byte order mark at the
/// start is left out.
class LineReader {
 public:
  /// A longer line is an Error: the file is hardly text.
  static constexpr std::size_t kLongestLine = std::size_t{1} << 30;

  explicit LineReader(const std::filesystem::path& file);

  /// The next line with its line end (the last may lack one); false at the end of the file.
  /// input_data Errors name the file for damaged or truncated compression.
  bool next(std::string& line);

  std::int64_t line() const { return line_; }      ///< number of the line returned last, from 1
  std::int64_t offset() const { return offset_; }  ///< where that line starts, uncompressed
  std::int64_t position() const;                   ///< bytes of the file on disk read so far

 private:
  struct Close {
    void operator()(void* file) const;
  };
  bool fill();

  std::filesystem::path file_;
  std::unique_ptr<void, Close> handle_;  ///< zlib's gzFile, which reads plain files too
  std::string buffer_;
  std::size_t at_ = 0, size_ = 0;
  std::int64_t line_ = 0, offset_ = 0, next_offset_ = 0;
};

}  // namespace orchid::data
