#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include <zlib.h>

#include "data/image/collections.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kImages = 0x803, kLabels = 0x801;  ///< bytes, of three and one extents
constexpr std::size_t kMostBytes = std::size_t{1} << 33;
constexpr std::int64_t kClasses = 10;

/// train-images-idx3-ubyte, also with a dot for the second hyphen, also .gz.
std::optional<fs::path> file_of(const fs::path& folder, ImagePart part, bool images) {
  const std::string stem = part == ImagePart::train ? "train" : "t10k";
  const std::string what = images ? "images" : "labels", tail = images ? "idx3" : "idx1";
  for (const char* between : {"-", "."})
    for (const char* end : {"", ".gz"}) {
      const fs::path file = folder / (stem + "-" + what + between + tail + "-ubyte" + end);
      if (fs::is_regular_file(file)) return file;
    }
  return std::nullopt;
}

fs::path existing(const fs::path& folder, ImagePart part, bool images) {
  const auto file = file_of(folder, part, images);
  ORCHID_CHECK_INPUT(file, folder.string(), ": expected ",
                     part == ImagePart::train ? "train" : "t10k",
                     images ? "-images-idx3" : "-labels-idx1",
                     "-ubyte or the same with .gz beside the others of MNIST, found none");
  return *file;
}

std::uint32_t big_endian(const std::vector<std::byte>& bytes, std::size_t word) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value = value << 8 | std::to_integer<std::uint32_t>(bytes[4 * word + i]);
  return value;
}

struct Idx {
  std::vector<std::byte> bytes;
  std::size_t head = 0;  ///< bytes before the values
  std::int64_t count = 0, height = 1, width = 1;
};

Idx read_idx(const fs::path& file, std::uint32_t magic) {
  Idx idx{.bytes = read_file(file, kMostBytes), .head = magic == kImages ? 16u : 8u};
  ORCHID_CHECK_INPUT(idx.bytes.size() >= idx.head, file.string(), ": expected an IDX file, got ",
                     idx.bytes.size(), " bytes, less than its head");
  ORCHID_CHECK_INPUT(big_endian(idx.bytes, 0) == magic, file.string(),
                     ": expected the magic number ", magic, " of IDX ",
                     magic == kImages ? "pictures" : "labels", ", got ", big_endian(idx.bytes, 0));
  idx.count = big_endian(idx.bytes, 1);
  if (magic == kImages) {
    idx.height = big_endian(idx.bytes, 2);
    idx.width = big_endian(idx.bytes, 3);
  }
  constexpr std::int64_t kMostSide = 1 << 14;
  ORCHID_CHECK_INPUT(
      idx.height >= 1 && idx.height <= kMostSide && idx.width >= 1 && idx.width <= kMostSide,
      file.string(), ": expected sides of 1 to ", kMostSide, " pixels, got ", idx.width, " x ",
      idx.height);
  const auto expected = static_cast<std::uint64_t>(idx.count * idx.height * idx.width) + idx.head;
  ORCHID_CHECK_INPUT(idx.bytes.size() == expected, file.string(), ": expected ", expected,
                     " bytes for ", idx.count, " of ", idx.width, " x ", idx.height, ", got ",
                     idx.bytes.size(), "; the file is not whole");
  return idx;
}

}  // namespace

std::vector<std::byte> read_file(const fs::path& file, std::size_t most) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  const auto close = [](gzFile open) { ::gzclose(open); };
  const std::unique_ptr<gzFile_s, decltype(close)> in(::gzopen(file.c_str(), "rb"), close);
  ORCHID_CHECK_INPUT(in, file.string(), ": cannot open: ", std::strerror(errno));
  std::vector<std::byte> bytes;
  for (int count = 1; count > 0;) {
    const std::size_t before = bytes.size();
    bytes.resize(before + kPiece);
    count = ::gzread(in.get(), bytes.data() + before, static_cast<unsigned>(kPiece));
    bytes.resize(before + static_cast<std::size_t>(std::max(count, 0)));
    int code = Z_OK;
    const char* message = ::gzerror(in.get(), &code);
    ORCHID_CHECK_INPUT(code == Z_OK || code == Z_STREAM_END, file.string(),
                       ": cannot read: ", code == Z_ERRNO ? std::strerror(errno) : message,
                       ", after ", bytes.size(), " bytes");
    ORCHID_CHECK_INPUT(bytes.size() <= most, file.string(), ": expected at most ", most, " bytes");
  }
  return bytes;
}

bool is_idx(const fs::path& folder) {
  return file_of(folder, ImagePart::train, true) || file_of(folder, ImagePart::valid, true);
}

std::shared_ptr<const ImageCollection> open_idx(const fs::path& folder, ImagePart part) {
  const fs::path images = existing(folder, part, true), labels = existing(folder, part, false);
  auto pixels = std::make_shared<const Idx>(read_idx(images, kImages));
  const Idx classes = read_idx(labels, kLabels);
  ORCHID_CHECK_INPUT(classes.count == pixels->count, labels.string(), ": expected ", pixels->count,
                     " labels, as many as ", images.filename().string(), " has pictures, got ",
                     classes.count);
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < kClasses; ++i) names.push_back(str(i));
  auto collection = std::make_shared<RecordImages>("MNIST", std::move(names), ImageStorage::gray,
                                                   pixels->width, pixels->height);
  std::vector<std::uint8_t> of(static_cast<std::size_t>(classes.count));
  std::memcpy(of.data(), classes.bytes.data() + classes.head, of.size());
  collection->add({.file = images.string(),
                   .keeps = pixels,
                   .pixels = std::span(pixels->bytes).subspan(pixels->head),
                   .stride = static_cast<std::size_t>(pixels->width * pixels->height),
                   .labels = std::move(of)});
  return collection;
}

}  // namespace orchid::data
