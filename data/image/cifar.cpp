#include <algorithm>
#include <cstring>
#include <sstream>

#include "data/image/collections.h"
#include "data/image/pickle.h"
#include "data/io/mapped_file.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSide = 32;
constexpr std::size_t kPixels = 3 * kSide * kSide, kRecord = kPixels + 1;

/// Files of a part, as far as they are there; `end` ".bin" or "".
std::vector<fs::path> batches(const fs::path& folder, ImagePart part, const std::string& end) {
  std::vector<fs::path> files;
  if (part == ImagePart::valid) {
    files.push_back(folder / ("test_batch" + end));
  } else {
    for (int i = 1; i <= 5; ++i)
      files.push_back(folder / ("data_batch_" + std::to_string(i) + end));
  }
  std::erase_if(files, [](const fs::path& file) { return !fs::is_regular_file(file); });
  return files;
}

bool has(const fs::path& folder, const std::string& end) {
  return !batches(folder, ImagePart::train, end).empty() ||
         !batches(folder, ImagePart::valid, end).empty();
}

/// The folder itself, or the one that the archive unpacks to.
fs::path home(const fs::path& folder) {
  if (has(folder, ".bin") || has(folder, "")) return folder;
  for (const char* name : {"cifar-10-batches-bin", "cifar-10-batches-py"})
    if (has(folder / name, ".bin") || has(folder / name, "")) return folder / name;
  return {};
}

std::vector<std::string> numbered() {
  std::vector<std::string> names;
  for (int i = 0; i < 10; ++i) names.push_back(std::to_string(i));
  return names;
}

/// batches.meta.txt: a name a line.
std::vector<std::string> binary_names(const fs::path& folder) {
  const fs::path file = folder / "batches.meta.txt";
  if (!fs::is_regular_file(file)) return numbered();
  std::istringstream text{std::string(MappedFile::open(file).text())};
  std::vector<std::string> names;
  for (std::string line; std::getline(text, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) names.push_back(line);
  }
  ORCHID_CHECK_INPUT(names.size() == 10, file.string(), ": expected 10 names of classes, got ",
                     names.size());
  return names;
}

std::vector<std::string> pickled_names(const fs::path& folder) {
  const fs::path file = folder / "batches.meta";
  if (!fs::is_regular_file(file)) return numbered();
  return with_context(file.string(), [&] {
    const MappedFile map = MappedFile::open(file);
    const Pickle pickle(map.bytes());
    const PickleValue* list = pickle.value().find("label_names");
    ORCHID_CHECK_INPUT(list && list->kind == PickleValue::Kind::list && list->items.size() == 10,
                       "expected \"label_names\", a list of 10");
    std::vector<std::string> names;
    for (const PickleValue* name : list->items) names.emplace_back(name->text);
    return names;
  });
}

RecordImages::Part read_binary(const fs::path& file) {
  auto map = std::make_shared<MappedFile>(MappedFile::open(file));
  const std::span<const std::byte> bytes = map->bytes();
  ORCHID_CHECK_INPUT(!bytes.empty() && bytes.size() % kRecord == 0, file.string(),
                     ": expected whole records of ", kRecord, " bytes, got ", bytes.size(),
                     " bytes, ", bytes.size() % kRecord, " too many; the file is not whole");
  RecordImages::Part part{
      .file = file.string(), .keeps = map, .pixels = bytes.subspan(1), .stride = kRecord};
  for (std::size_t at = 0; at < bytes.size(); at += kRecord)
    part.labels.push_back(std::to_integer<std::uint8_t>(bytes[at]));
  return part;
}

RecordImages::Part read_pickled(const fs::path& file) {
  auto map = std::make_shared<MappedFile>(MappedFile::open(file));
  return with_context(file.string(), [&] {
    const Pickle pickle(map->bytes());
    const PickleValue *labels = pickle.value().find("labels"), *data = pickle.value().find("data");
    ORCHID_CHECK_INPUT(labels && labels->kind == PickleValue::Kind::list && data,
                       "expected a dict with \"labels\", a list, and \"data\"");
    const PickledArray array = with_context("data", [&] { return pickled_array(*data); });
    ORCHID_CHECK_INPUT(array.columns == std::int64_t{kPixels} && array.rows > 0,
                       "data: expected rows of ", kPixels, " bytes, got ", array.rows, " x ",
                       array.columns);
    ORCHID_CHECK_INPUT(std::ssize(labels->items) == array.rows, "labels: expected ", array.rows,
                       ", one for each picture, got ", labels->items.size());
    RecordImages::Part part{.file = file.string(),
                            .keeps = map,
                            .pixels = std::as_bytes(std::span(array.bytes)),
                            .stride = kPixels};
    for (const PickleValue* label : labels->items) {
      ORCHID_CHECK_INPUT(
          label->kind == PickleValue::Kind::integer && label->number >= 0 && label->number < 10,
          "labels: expected 0 to 9");
      part.labels.push_back(static_cast<std::uint8_t>(label->number));
    }
    return part;
  });
}

}  // namespace

bool is_cifar(const fs::path& folder) {
  return !home(folder).empty();
}

std::shared_ptr<const ImageCollection> open_cifar(const fs::path& path, ImagePart part) {
  const fs::path folder = home(path);
  const bool binary = has(folder, ".bin");
  const auto files = batches(folder, part, binary ? ".bin" : "");
  ORCHID_CHECK_INPUT(!files.empty(), folder.string(), ": expected ",
                     part == ImagePart::train ? "data_batch_1 ... data_batch_5" : "test_batch",
                     binary ? " (.bin)" : "", " beside the others of CIFAR-10, found none");
  auto collection = std::make_shared<RecordImages>(
      binary ? "CIFAR-10, binary" : "CIFAR-10, pickled",
      binary ? binary_names(folder) : pickled_names(folder), ImageStorage::planes, kSide, kSide);
  for (const fs::path& file : files)
    collection->add(binary ? read_binary(file) : read_pickled(file));
  return collection;
}

}  // namespace orchid::data
