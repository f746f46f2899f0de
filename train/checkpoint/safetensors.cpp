#include "train/checkpoint/safetensors.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "data/io/atomic_file.h"
#include "data/io/checksum.h"
#include "train/config/json.h"
#include "train/log/json_writer.h"

namespace orchid::train {
namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kLongestHeader = 100'000'000;

struct TypeName {
  const char* name;
  DType dtype;
};
constexpr TypeName kTypes[] = {
    {"F32", DType::f32}, {"F64", DType::f64}, {"I32", DType::i32}, {"I64", DType::i64}};

DType parse_dtype(const std::string& name) {
  for (const TypeName& type : kTypes)
    if (name == type.name) return type.dtype;
  throw Error(str("dtype: expected F32 | F64 | I32 | I64, got \"", name, "\""),
              ErrorKind::input_data);
}

const char* type_name(DType dtype) {
  for (const TypeName& type : kTypes)
    if (dtype == type.dtype) return type.name;
  throw Error(str("safetensors: cannot store elements of type ", name_of(dtype)));
}

std::uint64_t natural(const Json& json, const char* what) {
  ORCHID_CHECK_INPUT(json.is_number_unsigned(), what, ": expected integers of 0 or more, got ",
                     preview(json));
  return json.get<std::uint64_t>();
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t extent : shape) text += str(text.empty() ? "" : ", ", extent);
  return "(" + text + ")";
}

/// Bytes of a tensor; throws where the product of the extents does not fit.
std::uint64_t byte_count(const SafetensorsEntry& entry) {
  std::uint64_t bytes = size_of(entry.dtype);
  for (const std::int64_t extent : entry.shape)
    ORCHID_CHECK_INPUT(!__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(extent), &bytes),
                       "shape ", shape_text(entry.shape), ": too large");
  return bytes;
}

SafetensorsEntry parse_entry(const std::string& name, const Json& json, std::uint64_t data_bytes) {
  ORCHID_CHECK_INPUT(json.is_object() && json.contains("dtype") && json.contains("shape") &&
                         json.contains("data_offsets"),
                     "expected dtype, shape and data_offsets, got ", preview(json));
  const Json& dtype = json["dtype"];
  const Json& shape = json["shape"];
  const Json& offsets = json["data_offsets"];
  ORCHID_CHECK_INPUT(dtype.is_string(), "dtype: expected text, got ", preview(dtype));
  ORCHID_CHECK_INPUT(shape.is_array(), "shape: expected a list, got ", preview(shape));
  ORCHID_CHECK_INPUT(offsets.is_array() && offsets.size() == 2,
                     "data_offsets: expected [begin, end], got ", preview(offsets));
  SafetensorsEntry entry{name, parse_dtype(dtype.get<std::string>()), {}, 0, 0};
  for (const Json& extent : shape) {
    const std::uint64_t size = natural(extent, "shape");
    ORCHID_CHECK_INPUT(size <= std::uint64_t{1} << 62, "shape: extent ", size, " is too large");
    entry.shape.push_back(static_cast<std::int64_t>(size));
  }
  const std::uint64_t begin = natural(offsets[0], "data_offsets");
  const std::uint64_t end = natural(offsets[1], "data_offsets");
  ORCHID_CHECK_INPUT(begin <= end && end <= data_bytes, "data_offsets: [", begin, ", ", end,
                     "] lies outside the file's ", data_bytes, " bytes of data");
  const std::uint64_t bytes = byte_count(entry);
  ORCHID_CHECK_INPUT(end - begin == bytes, "data_offsets: expected ", bytes, " bytes for shape ",
                     shape_text(entry.shape), ", got ", end - begin);
  entry.begin = static_cast<std::size_t>(begin);
  entry.bytes = static_cast<std::size_t>(bytes);
  return entry;
}

/// Tensors must follow each other without gaps or overlaps, to the end of the file.
void check_layout(const std::vector<SafetensorsEntry>& sorted, std::uint64_t data_bytes) {
  std::uint64_t end = 0;
  for (const SafetensorsEntry& entry : sorted) {
    ORCHID_CHECK_INPUT(entry.begin >= end, entry.name, ": overlaps the tensor before it");
    ORCHID_CHECK_INPUT(entry.begin == end, entry.name, ": ", entry.begin - end,
                       " bytes before it belong to no tensor");
    end = entry.begin + entry.bytes;
  }
  ORCHID_CHECK_INPUT(end == data_bytes, "the last ", data_bytes - end,
                     " bytes belong to no tensor");
}

}  // namespace

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  SafetensorsFile file;
  file.file_ = path;
  file.map_ = data::MappedFile::open(path);
  with_context(str("reading ", path.string()), [&] { file.parse(); });
  return file;
}

void SafetensorsFile::parse() {
  ORCHID_CHECK_INPUT(map_.size() >= kLengthBytes, "truncated: expected at least ", kLengthBytes,
                     " bytes, got ", map_.size());
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    length |= std::uint64_t{static_cast<unsigned char>(map_.text()[i])} << (8 * i);
  ORCHID_CHECK_INPUT(length <= kLongestHeader, "header: expected at most ", kLongestHeader,
                     " bytes, its length says ", length, "; is this a safetensors file?");
  ORCHID_CHECK_INPUT(length <= map_.size() - kLengthBytes, "truncated: the header has ", length,
                     " bytes, the file ", map_.size());
  data_begin_ = kLengthBytes + static_cast<std::size_t>(length);
  const std::uint64_t data_bytes = map_.size() - data_begin_;
  const Json header = with_context("header", [&] {
    return parse_json(map_.text().substr(kLengthBytes, static_cast<std::size_t>(length)),
                      ErrorKind::input_data);
  });
  ORCHID_CHECK_INPUT(header.is_object(), "header: expected an object, got ", preview(header));
  for (const auto& [name, value] : header.items()) {
    if (name == "__metadata__") {
      ORCHID_CHECK_INPUT(value.is_object(), "__metadata__: expected an object");
      for (const auto& [key, text] : value.items()) {
        ORCHID_CHECK_INPUT(text.is_string(), "__metadata__.", key, ": expected text");
        metadata_[key] = text.get<std::string>();
      }
      continue;
    }
    entries_.push_back(
        with_context(name, [&, &n = name, &v = value] { return parse_entry(n, v, data_bytes); }));
  }
  std::sort(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
    return std::pair(a.begin, a.bytes) < std::pair(b.begin, b.bytes);
  });
  check_layout(entries_, data_bytes);
  for (std::size_t i = 0; i < entries_.size(); ++i) by_name_[entries_[i].name] = i;
}

const SafetensorsEntry* SafetensorsFile::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &entries_[found->second];
}

void SafetensorsFile::read(const std::string& name, Tensor& to) const {
  const SafetensorsEntry* entry = find(name);
  ORCHID_CHECK_INPUT(entry, file_.string(), ": no tensor \"", name, "\"");
  std::vector<std::int64_t> wanted;
  for (int axis = 0; axis < to.shape().rank(); ++axis) wanted.push_back(to.shape()[axis]);
  ORCHID_CHECK_INPUT(entry->dtype == to.dtype(), file_.string(), ": ", name, ": expected ",
                     name_of(to.dtype()), ", got ", name_of(entry->dtype));
  ORCHID_CHECK_INPUT(entry->shape == wanted, file_.string(), ": ", name, ": expected shape ",
                     shape_text(wanted), ", got ", shape_text(entry->shape));
  if (entry->bytes > 0)
    to.memory()->copy_from_host(to.raw(), map_.bytes().data() + data_begin_ + entry->begin,
                                entry->bytes);
}

WrittenFile write_safetensors(const std::filesystem::path& path,
                              const std::vector<NamedTensor>& tensors,
                              const std::map<std::string, std::string>& metadata) {
  JsonWriter header;
  header.begin_object();
  if (!metadata.empty()) {
    header.key("__metadata__").begin_object();
    for (const auto& [key, text] : metadata) header.member(key, text);
    header.end_object();
  }
  std::set<std::string> names;
  std::size_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    ORCHID_CHECK(names.insert(name).second, "safetensors: two tensors named \"", name, "\"");
    header.key(name).begin_object().member("dtype", type_name(tensor.dtype()));
    header.key("shape").begin_array();
    for (int axis = 0; axis < tensor.shape().rank(); ++axis) header.value(tensor.shape()[axis]);
    header.end_array().key("data_offsets").begin_array();
    header.value(std::uint64_t{offset}).value(std::uint64_t{offset + tensor.bytes()});
    header.end_array().end_object();
    offset += tensor.bytes();
  }
  header.end_object();

  std::string begin(kLengthBytes, '\0');
  std::string text = header.text();
  text.append((8 - text.size() % 8) % 8, ' ');  // so that the data begin at a multiple of 8
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    begin[i] = static_cast<char>(std::uint64_t{text.size()} >> (8 * i));

  data::AtomicFile file(path);
  data::Checksum checksum;
  const auto write = [&](std::span<const std::byte> bytes) {
    file.write(bytes);
    checksum.update(bytes);
  };
  write(std::as_bytes(std::span(begin)));
  write(std::as_bytes(std::span(text)));
  for (const auto& [name, tensor] : tensors) {
    const Tensor host = to_host(tensor);
    if (host.bytes() > 0) write({static_cast<const std::byte*>(host.raw()), host.bytes()});
  }
  const WrittenFile written{file.size(), checksum.value()};
  file.commit();
  return written;
}

}  // namespace orchid::train
