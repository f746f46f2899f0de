#include "data/image/mat.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <tuple>

#include <zlib.h>

#include "data/io/mapped_file.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t kHead = 128, kMostUnpacked = std::size_t{1} << 28;
constexpr int kDeepest = 16;
constexpr std::int64_t kMostElements = 1 << 24;

/// Types of stored data.
enum Type : std::uint32_t {
  i8 = 1,
  u8,
  i16,
  u16,
  i32,
  u32,
  f32,
  f64 = 9,
  i64 = 12,
  u64,
  matrix,
  compressed,
  utf8,
  utf16,
  utf32,
};
/// Classes of arrays.
enum Class : std::uint32_t { cell = 1, structure, object, text = 4, sparse, f64_class };

std::size_t width_of(std::uint32_t type) {
  switch (type) {
    case i8:
    case u8:
    case utf8:
      return 1;
    case i16:
    case u16:
    case utf16:
      return 2;
    case i32:
    case u32:
    case f32:
    case utf32:
      return 4;
    case f64:
    case i64:
    case u64:
      return 8;
    default:
      return 0;
  }
}

template <class T>
double value_at(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return static_cast<double>(value);
}

double number_at(std::uint32_t type, const std::byte* at) {
  switch (type) {
    case i8:
      return value_at<std::int8_t>(at);
    case u8:
    case utf8:
      return value_at<std::uint8_t>(at);
    case i16:
      return value_at<std::int16_t>(at);
    case u16:
    case utf16:
      return value_at<std::uint16_t>(at);
    case i32:
      return value_at<std::int32_t>(at);
    case u32:
    case utf32:
      return value_at<std::uint32_t>(at);
    case f32:
      return value_at<float>(at);
    case f64:
      return value_at<double>(at);
    case i64:
      return value_at<std::int64_t>(at);
    default:
      return value_at<std::uint64_t>(at);
  }
}

/// A tagged piece of data.
struct Element {
  std::uint32_t type = 0;
  Bytes bytes;
};

/// Elements one after another; `start` is where they lie in the file, for messages.
class Elements {
 public:
  Elements(Bytes bytes, std::string start) : bytes_(bytes), start_(std::move(start)) {}

  bool empty() const { return at_ >= bytes_.size(); }
  std::string where() const { return str(start_, "byte ", at_, ": "); }

  Element next() {
    ORCHID_CHECK_INPUT(bytes_.size() - std::min(at_, bytes_.size()) >= 8, where(),
                       "expected an element, the data ends; the file is not whole");
    std::uint32_t type = word(at_), size = word(at_ + 4);
    std::size_t begin = at_ + 8, end;
    if (type >> 16 != 0) {  // small: size and type share a word, the data follows in the other
      size = type >> 16;
      type &= 0xFFFF;
      ORCHID_CHECK_INPUT(size <= 4, where(), "expected at most 4 bytes in a small element, got ",
                         size);
      begin = at_ + 4;
      end = at_ + 8;
    } else {
      ORCHID_CHECK_INPUT(size <= bytes_.size() - begin, where(), "expected ", size,
                         " bytes more, got ", bytes_.size() - begin, "; the file is not whole");
      end = begin + (type == compressed ? size : (size + std::size_t{7}) / 8 * 8);
    }
    at_ = end;
    return {type, bytes_.subspan(begin, size)};
  }

  Element next(std::uint32_t type, const char* what) {
    const std::string before = where();
    const Element element = next();
    ORCHID_CHECK_INPUT(element.type == type, before, "expected ", what, " (type ", type,
                       "), got type ", element.type);
    return element;
  }

 private:
  std::uint32_t word(std::size_t at) const {
    std::uint32_t value;
    std::memcpy(&value, bytes_.data() + at, 4);
    return value;
  }

  Bytes bytes_;
  std::string start_;
  std::size_t at_ = 0;
};

std::vector<std::byte> unpacked(Bytes bytes, std::size_t& room, const std::string& where) {
  z_stream stream{};
  ORCHID_CHECK(inflateInit(&stream) == Z_OK, "cannot start zlib");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::vector<std::byte> out;
  for (int code = Z_OK; code != Z_STREAM_END;) {
    const std::size_t before = out.size();
    const std::size_t piece = std::min(std::max<std::size_t>(before, 1 << 14), room - before);
    ORCHID_CHECK_INPUT(piece > 0, where, "expected at most ", kMostUnpacked, " bytes unpacked");
    out.resize(before + piece);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    stream.avail_out = static_cast<uInt>(piece);
    code = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
    ORCHID_CHECK_INPUT(code == Z_OK || code == Z_STREAM_END, where, "compressed data is damaged");
  }
  room -= out.size();
  return out;
}

std::vector<double> numbers_of(const Element& element, const std::string& where) {
  const std::size_t width = width_of(element.type);
  ORCHID_CHECK_INPUT(width > 0 && element.bytes.size() % width == 0, where,
                     "expected numbers, got type ", element.type, " of ", element.bytes.size(),
                     " bytes");
  std::vector<double> numbers;
  for (std::size_t at = 0; at < element.bytes.size(); at += width)
    numbers.push_back(number_at(element.type, element.bytes.data() + at));
  return numbers;
}

std::pair<std::string, MatArray> read_array(Bytes bytes, const std::string& start, int depth);

void read_fields(Elements& in, MatArray& array, const std::string& start, int depth) {
  const auto length = numbers_of(in.next(i32, "the length of names"), in.where());
  const Element names = in.next(i8, "names of fields");
  const auto size = static_cast<std::size_t>(length.empty() ? 0 : std::max(length[0], 0.0));
  ORCHID_CHECK_INPUT(size > 0 && names.bytes.size() % size == 0, in.where(),
                     "expected names of fields of one length");
  std::vector<std::string> keys;
  for (std::size_t at = 0; at < names.bytes.size(); at += size) {
    const char* key = reinterpret_cast<const char*>(names.bytes.data() + at);
    keys.emplace_back(key, strnlen(key, size));
  }
  for (std::int64_t i = 0; i < array.count(); ++i)
    for (const std::string& key : keys) {
      const std::string inside = str(start, "field ", key, " of element ", i, ": ");
      array.fields[key].push_back(
          read_array(in.next(matrix, "an array").bytes, inside, depth + 1).second);
    }
}

/// The array in the bytes of a matrix element, and its name.
std::pair<std::string, MatArray> read_array(Bytes bytes, const std::string& start, int depth) {
  MatArray array;
  if (bytes.empty()) return {"", array};
  ORCHID_CHECK_INPUT(depth < kDeepest, start, "expected at most ", kDeepest,
                     " arrays in each other");
  Elements in(bytes, start);
  const auto flags = numbers_of(in.next(u32, "an array's class"), in.where());
  ORCHID_CHECK_INPUT(!flags.empty(), in.where(), "expected an array's class");
  const auto kind = static_cast<std::uint32_t>(flags[0]) & 0xFF;
  double count = 1;
  for (const double extent : numbers_of(in.next(i32, "extents"), in.where())) {
    count *= extent;
    ORCHID_CHECK_INPUT(extent >= 0 && count <= static_cast<double>(kMostElements), in.where(),
                       "expected extents of at most ", kMostElements, " elements");
    array.extents.push_back(static_cast<std::int64_t>(extent));
  }
  const Element label = in.next(i8, "a name");
  std::string name(reinterpret_cast<const char*>(label.bytes.data()), label.bytes.size());
  if (kind == cell) {
    for (std::int64_t i = 0; i < array.count(); ++i)
      array.cells.push_back(
          read_array(in.next(matrix, "an array").bytes, str(start, "cell ", i, ": "), depth + 1)
              .second);
  } else if (kind == structure) {
    read_fields(in, array, start, depth);
  } else if (kind == text || kind >= f64_class) {
    const std::string before = in.where();
    const auto values = numbers_of(in.next(), before);
    ORCHID_CHECK_INPUT(std::ssize(values) == array.count(), before, "expected ", array.count(),
                       " values, got ", values.size());
    if (kind == text)
      for (const double value : values) array.text += value < 128 ? static_cast<char>(value) : '?';
    else
      array.numbers = values;
  }
  return {std::move(name), std::move(array)};
}

}  // namespace

std::int64_t MatArray::count() const {
  std::int64_t count = extents.empty() ? 0 : 1;
  for (const std::int64_t extent : extents) count *= extent;
  return count;
}

std::map<std::string, MatArray> read_mat(Bytes bytes) {
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()),
                              std::min(bytes.size(), kHead));
  ORCHID_CHECK_INPUT(head.size() == kHead && head.starts_with("MATLAB 5.0 MAT-file"),
                     "expected a MATLAB 5.0 MAT-file, got a file of ", bytes.size(),
                     " bytes that begins otherwise");
  ORCHID_CHECK_INPUT(head.substr(126) == "IM", "expected a little-endian MAT-file");
  std::map<std::string, MatArray> arrays;
  std::size_t room = kMostUnpacked;
  Elements in(bytes.subspan(kHead), "after the head, ");
  while (!in.empty()) {
    const std::string start = in.where();
    Element element = in.next();
    std::vector<std::byte> owned;
    if (element.type == compressed) {
      owned = unpacked(element.bytes, room, start);
      element = Elements(owned, start + "unpacked, ").next();
    }
    if (element.type != matrix) continue;
    auto [name, array] = read_array(element.bytes, start, 0);
    arrays[name] = std::move(array);
  }
  return arrays;
}

std::map<std::int64_t, std::string> read_devkit_classes(const std::string& file) {
  return with_context(file, [&] {
    const MappedFile map = MappedFile::open(file);
    const auto arrays = read_mat(map.bytes());
    const auto synsets = arrays.find("synsets");
    ORCHID_CHECK_INPUT(synsets != arrays.end(), "expected an array named synsets");
    const auto field = [&](const char* name) -> const std::vector<MatArray>& {
      const auto found = synsets->second.fields.find(name);
      ORCHID_CHECK_INPUT(found != synsets->second.fields.end(), "synsets: expected a field ", name);
      return found->second;
    };
    const auto &ids = field("ILSVRC2012_ID"), &names = field("WNID"),
               &parts = field("num_children");
    ORCHID_CHECK_INPUT(ids.size() == names.size() && ids.size() == parts.size(),
                       "synsets: expected fields of as many elements, got ", ids.size(), ", ",
                       names.size(), " and ", parts.size());
    std::map<std::int64_t, std::string> classes;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      ORCHID_CHECK_INPUT(
          ids[i].numbers.size() == 1 && parts[i].numbers.size() == 1 && !names[i].text.empty(),
          "synsets: element ", i, ": expected an id, a WNID and num_children");
      if (parts[i].numbers[0] == 0)
        classes[static_cast<std::int64_t>(ids[i].numbers[0])] = names[i].text;
    }
    ORCHID_CHECK_INPUT(!classes.empty(), "synsets: expected classes, got none");
    return classes;
  });
}

}  // namespace orchid::data
