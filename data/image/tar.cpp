#include "data/image/tar.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/core/error.h"

namespace orchid::data {
namespace {

constexpr std::int64_t kBlock = 512;
constexpr std::int64_t kLongestName = 1 << 16;
constexpr int kLinksInARow = 40;  ///< as Linux follows them
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

/// A path without ".", ".." and empty parts: "n1/x.JPEG" of "./n1//./x.JPEG". `leaves` becomes true
/// where it leads above its root.
std::string normal(std::string_view path, bool* leaves = nullptr) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part == ".." && parts.empty() && leaves) *leaves = true;
    if (part == ".." && !parts.empty()) parts.pop_back();
    if (!part.empty() && part != "." && part != "..") parts.push_back(part);
    begin = end + 1;
  }
  std::string text;
  for (const std::string_view part : parts) {
    if (!text.empty()) text += '/';
    text += part;
  }
  return text;
}

/// A file, or a folder above it, begins with a dot.
bool is_hidden(const std::string& normal_path) {
  return normal_path.starts_with('.') || normal_path.find("/.") != std::string::npos;
}

/// Reads the members of [begin, end) of a source.
class TarReader {
 public:
  explicit TarReader(const ByteSource& source) : source_(source) {}

  /// What was read, without hidden files.
  TarMembers take() {
    const std::int64_t left_out = resolve_links();
    std::erase_if(members_, [](const TarMember& member) { return is_hidden(member.name); });
    return {std::move(members_), left_out};
  }

  void read(std::int64_t begin, std::int64_t end, const std::string& folder) {
    Extended longer;
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
      const std::int64_t size = regular && longer.size >= 0 ? longer.size : *stored;
      const std::int64_t data = at + kBlock;
      if (size > end - data)
        throw Error(str("byte ", at, ": expected ", size, " bytes of ", name_of(block), ", got ",
                        end - data, "; the tar is not whole"),
                    ErrorKind::input_data);
      const std::string name = longer.name.empty() ? name_of(block) : longer.name;
      if (type == 'L')
        longer.name = text(data, size);
      else if (type == 'K')
        longer.target = text(data, size);
      else if (type == 'x')
        read_records(text(data, size), longer);
      else if (type == '1' || type == '2')
        add_link(name, longer.target.empty() ? std::string(field(block, 157, 100)) : longer.target,
                 type == '2', folder);
      if (regular) add(folder + normal(name), data, size, folder);
      if (type != 'L' && type != 'K' && type != 'x') longer = {};
      at = data + (size + kBlock - 1) / kBlock * kBlock;
    }
  }

 private:
  /// What stands before a head and replaces its fields.
  struct Extended {
    std::string name, target;
    std::int64_t size = -1;  ///< below 0: none
  };
  struct Link {
    std::string name, target;
  };

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
  static void read_records(std::string_view text, Extended& longer) {
    while (!text.empty()) {
      std::size_t length = 0, digits = 0;
      while (digits < text.size() && digits < 6 && text[digits] >= '0' && text[digits] <= '9')
        length = 10 * length + static_cast<std::size_t>(text[digits++] - '0');
      if (length <= digits + 1 || length > text.size()) return;
      const std::string_view record = text.substr(digits + 1, length - digits - 2);
      if (record.starts_with("path=")) longer.name = record.substr(5);
      if (record.starts_with("linkpath=")) longer.target = record.substr(9);
      if (record.starts_with("size=")) {
        std::int64_t value = 0;
        for (const char c : record.substr(5))
          if (c >= '0' && c <= '9' && value < std::int64_t{1} << 50) value = 10 * value + (c - '0');
        longer.size = value;
      }
      text.remove_prefix(length);
    }
  }

  void add(std::string name, std::int64_t data, std::int64_t size, const std::string& folder) {
    if (folder.empty() && name.ends_with(".tar") && !is_hidden(name))
      return read(data, data + size, name.substr(0, name.size() - 4) + "/");
    members_.push_back({std::move(name), data, size});
  }

  /// A hard link's target counts from the root of its tar, a symbolic one's from its own folder.
  void add_link(const std::string& name, const std::string& target, bool symbolic,
                const std::string& folder) {
    bool leaves = symbolic && target.starts_with('/');
    const std::string inside =
        symbolic ? normal(normal(name) + "/../" + target, &leaves) : normal(target);
    links_.push_back({folder + normal(name), leaves ? "" : folder + inside});
  }

  /// Links become members with the bytes of what they stand for; how many stand for nothing here.
  std::int64_t resolve_links() {
    if (links_.empty()) return 0;
    std::map<std::string, std::size_t> files;
    std::map<std::string, std::string> targets;
    for (std::size_t i = 0; i < members_.size(); ++i) files[members_[i].name] = i;
    for (const Link& link : links_) targets[link.name] = link.target;
    std::int64_t left_out = 0;
    for (const Link& link : links_) {
      std::string target = link.target;
      for (int i = 0; i < kLinksInARow && targets.count(target) > 0 && files.count(target) == 0;
           ++i)
        target = targets[target];
      const auto found = files.find(target);
      left_out += found == files.end() && !is_hidden(link.name);
      if (found == files.end()) continue;
      const TarMember file = members_[found->second];
      members_.push_back({link.name, file.offset, file.size});
    }
    return left_out;
  }

  const ByteSource& source_;
  std::vector<TarMember> members_;
  std::vector<Link> links_;
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

TarMembers tar_members(const ByteSource& source) {
  TarReader reader(source);
  reader.read(0, source.size(), "");
  return reader.take();
}

}  // namespace orchid::data
