#include "data/image/tar.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/core/error.h"

namespace orchid::data {
namespace {

constexpr std::int64_t kBlock = 512;
constexpr std::int64_t kLongestName = 1 << 16;
using Block = std::array<std::byte, kBlock>;

std::string_view field(const Block& block, std::size_t at, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(block.data()) + at, size);
  return all.substr(0, std::min(all.find('\0'), all.size()));
}

/// Octal digits, or with the first bit set a big-endian number; nothing if it is neither.
std::optional<std::int64_t> number(const Block& block, std::size_t at, std::size_t size) {
  std::int64_t value = 0;
  if (std::to_integer<unsigned>(block[at]) == 0x80) {
    for (std::size_t i = at + 1; i < at + size; ++i) {
      if (value >> 50 != 0) return std::nullopt;
      value = value << 8 | std::to_integer<std::int64_t>(block[i]);
    }
    return value;
  }
  bool any = false;
  for (const char c : field(block, at, size)) {
    if (c == ' ') continue;
    if (c < '0' || c > '7' || value >> 50 != 0) return std::nullopt;
    value = value * 8 + (c - '0');
    any = true;
  }
  return any ? std::optional(value) : std::nullopt;
}

/// The sum of all bytes, those of the checksum counted as blanks.
bool checksum_fits(const Block& block) {
  std::int64_t sum = 8 * ' ';
  for (std::size_t i = 0; i < block.size(); ++i)
    if (i < 148 || i >= 156) sum += std::to_integer<std::int64_t>(block[i]);
  return number(block, 148, 8) == sum;
}

bool is_empty(const Block& block) {
  return std::all_of(block.begin(), block.end(), [](std::byte b) { return b == std::byte{0}; });
}

/// Reads the members of [begin, end) of a source.
class TarReader {
 public:
  TarReader(const ByteSource& source, std::vector<TarMember>& members)
      : source_(source), members_(members) {}

  void read(std::int64_t begin, std::int64_t end, const std::string& folder) {
    std::string long_name;
    std::int64_t long_size = -1;  // none
    for (std::int64_t at = begin; at < end;) {
      Block block;
      check(at, end - at >= kBlock, "a head of 512 bytes, the tar ends");
      source_.read(at, block);
      if (is_empty(block)) return;
      check(at, checksum_fits(block), "the head of a member, got one with a wrong checksum");
      const auto stored = number(block, 124, 12);
      check(at, stored && *stored >= 0, "the size of a member");
      const char type = static_cast<char>(block[156]);
      const bool regular = type == '0' || type == '\0' || type == '7';
      const std::int64_t size = regular && long_size >= 0 ? long_size : *stored;
      const std::int64_t data = at + kBlock;
      if (size > end - data)
        throw Error(str("byte ", at, ": expected ", size, " bytes of ", name_of(block), ", got ",
                        end - data, "; the tar is not whole"),
                    ErrorKind::input_data);
      if (type == 'L')
        long_name = text(data, size);
      else if (type == 'x')
        read_records(text(data, size), long_name, long_size);
      if (regular)
        add(folder + (long_name.empty() ? name_of(block) : long_name), data, size, folder);
      if (type != 'L' && type != 'x') {
        long_name.clear();
        long_size = -1;
      }
      at = data + (size + kBlock - 1) / kBlock * kBlock;
    }
  }

 private:
  static void check(std::int64_t at, bool condition, const char* what) {
    ORCHID_CHECK_INPUT(condition, "byte ", at, ": expected ", what, "; the tar is damaged");
  }

  static std::string name_of(const Block& block) {
    std::string name(field(block, 0, 100));
    const bool ustar = field(block, 257, 5) == "ustar" && block[262] == std::byte{0};
    const std::string_view prefix = ustar ? field(block, 345, 155) : "";
    return prefix.empty() ? name : str(prefix, "/", name);
  }

  std::string text(std::int64_t at, std::int64_t size) const {
    check(at, size <= kLongestName, "a name of at most 64 KiB");
    std::string text(static_cast<std::size_t>(size), '\0');
    source_.read(at, std::as_writable_bytes(std::span(text)));
    return text.substr(0, text.find('\0'));
  }

  /// POSIX' records "length key=value\n".
  static void read_records(std::string_view text, std::string& name, std::int64_t& size) {
    while (!text.empty()) {
      std::size_t length = 0, digits = 0;
      while (digits < text.size() && digits < 6 && text[digits] >= '0' && text[digits] <= '9')
        length = 10 * length + static_cast<std::size_t>(text[digits++] - '0');
      if (length <= digits + 1 || length > text.size()) return;
      const std::string_view record = text.substr(digits + 1, length - digits - 2);
      if (record.starts_with("path=")) name = record.substr(5);
      if (record.starts_with("size=")) {
        std::int64_t value = 0;
        for (const char c : record.substr(5))
          if (c >= '0' && c <= '9' && value < std::int64_t{1} << 50) value = 10 * value + (c - '0');
        size = value;
      }
      text.remove_prefix(length);
    }
  }

  void add(std::string name, std::int64_t data, std::int64_t size, const std::string& folder) {
    while (name.starts_with("./")) name.erase(0, 2);
    if (folder.empty() && name.ends_with(".tar"))
      return read(data, data + size, name.substr(0, name.size() - 4) + "/");
    members_.push_back({std::move(name), data, size});
  }

  const ByteSource& source_;
  std::vector<TarMember>& members_;
};

}  // namespace

RandomFile::RandomFile(std::filesystem::path file) : file_(std::move(file)) {
  descriptor_ = ::open(file_.c_str(), O_RDONLY | O_CLOEXEC);
  ORCHID_CHECK_INPUT(descriptor_ >= 0, file_.string(), ": cannot open: ", std::strerror(errno));
  struct stat status {};
  if (::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode)) size_ = status.st_size;
}

RandomFile::~RandomFile() {
  ::close(descriptor_);
}

void RandomFile::read(std::int64_t offset, std::span<std::byte> to) const {
  while (!to.empty()) {
    const ssize_t count = ::pread(descriptor_, to.data(), to.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    ORCHID_CHECK_INPUT(count >= 0, file_.string(), ": cannot read: ", std::strerror(errno));
    ORCHID_CHECK_INPUT(count > 0, file_.string(), ": expected ", to.size(), " bytes from byte ",
                       offset, ", the file has become shorter");
    offset += count;
    to = to.subspan(static_cast<std::size_t>(count));
  }
}

bool is_tar(const ByteSource& source) {
  if (source.size() < kBlock) return false;
  Block block;
  source.read(0, block);
  return checksum_fits(block);
}

std::vector<TarMember> tar_members(const ByteSource& source) {
  std::vector<TarMember> members;
  TarReader(source, members).read(0, source.size(), "");
  return members;
}

}  // namespace orchid::data
