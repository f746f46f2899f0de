#include "data/io/gzip_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <zlib.h>

#include "kernels/core/error.h"

namespace orchid::data {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 18;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

gzFile gz(void* handle) {
  return static_cast<gzFile>(handle);
}

}  // namespace

void LineReader::Close::operator()(void* file) const {
  ::gzclose(gz(file));
}

LineReader::LineReader(const std::filesystem::path& file) : file_(file) {
  ORCHID_CHECK_INPUT(
      std::filesystem::is_regular_file(file), file.string(),
      std::filesystem::exists(file) ? ": expected a regular file" : ": no such file");
  handle_.reset(::gzopen(file.c_str(), "rb"));
  ORCHID_CHECK_INPUT(handle_, file.string(), ": cannot open: ", std::strerror(errno));
  ::gzbuffer(gz(handle_.get()), static_cast<unsigned>(kBufferBytes));
  buffer_.resize(kBufferBytes);
  fill();
  const bool compressed = ::gzdirect(gz(handle_.get())) == 0;
  ORCHID_CHECK_INPUT(file.extension() != ".gz" || compressed, file.string(),
                     ": expected gzip, but it does not start like it");
  if (std::string_view(buffer_.data(), size_).starts_with(kByteOrderMark)) {
    at_ = kByteOrderMark.size();
    next_offset_ = static_cast<std::int64_t>(at_);
  }
}

/// Reads the next part into the empty buffer; false at the end of the file.
bool LineReader::fill() {
  const int count =
      ::gzread(gz(handle_.get()), buffer_.data(), static_cast<unsigned>(buffer_.size()));
  at_ = 0;
  size_ = static_cast<std::size_t>(std::max(count, 0));
  int code = Z_OK;
  const char* message = ::gzerror(gz(handle_.get()), &code);
  // A truncated file yields what there is and then Z_BUF_ERROR.
  ORCHID_CHECK_INPUT(code == Z_OK || code == Z_STREAM_END, file_.string(),
                     ": cannot read: ", code == Z_ERRNO ? std::strerror(errno) : message,
                     ", after ", next_offset_ + count, " bytes of text");
  return size_ > 0;
}

bool LineReader::next(std::string& line) {
  line.clear();
  while (at_ < size_ || fill()) {
    const char* from = buffer_.data() + at_;
    const void* found = std::memchr(from, '\n', size_ - at_);
    const std::size_t count =
        found ? static_cast<std::size_t>(static_cast<const char*>(found) - from) + 1 : size_ - at_;
    line.append(from, count);
    at_ += count;
    if (found) break;
    ORCHID_CHECK_INPUT(line.size() <= kLongestLine, file_.string(), ": line ", line_ + 1,
                       ": longer than ", kLongestLine, " bytes");
  }
  if (line.empty()) return false;
  ++line_;
  offset_ = next_offset_;
  next_offset_ += static_cast<std::int64_t>(line.size());
  return true;
}

std::int64_t LineReader::position() const {
  return ::gzoffset(gz(handle_.get()));
}

}  // namespace orchid::data
