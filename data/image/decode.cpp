#include "data/image/decode.h"

#include <algorithm>
#include <array>

#include "data/image/formats.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

bool starts_with(std::span<const std::byte> bytes, std::span<const unsigned char> head) {
  return bytes.size() >= head.size() &&
         std::equal(head.begin(), head.end(), bytes.begin(),
                    [](unsigned char a, std::byte b) { return std::byte{a} == b; });
}

ImageFormat format_of(std::span<const std::byte> bytes) {
  constexpr std::array<unsigned char, 3> kJpeg{0xFF, 0xD8, 0xFF};
  constexpr std::array<unsigned char, 8> kPng{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  if (starts_with(bytes, kJpeg)) return ImageFormat::jpeg;
  if (starts_with(bytes, kPng)) return ImageFormat::png;
  ORCHID_CHECK_INPUT(!bytes.empty(), "expected a JPEG or a PNG, got an empty file");
  constexpr char kDigits[] = "0123456789abcdef";
  std::string head;
  for (const std::byte b : bytes.first(std::min<std::size_t>(bytes.size(), 8)))
    head += {' ', kDigits[std::to_integer<int>(b) / 16], kDigits[std::to_integer<int>(b) % 16]};
  throw Error(
      str("expected a JPEG or a PNG, got a file of ", bytes.size(), " bytes that begins", head),
      ErrorKind::input_data);
}

}  // namespace

void check_pixels(const char* format, const ImageInfo& info, const DecodeOptions& options) {
  ORCHID_CHECK_INPUT(info.width <= options.most_pixels / std::max<std::int64_t>(info.height, 1),
                     format, ": ", info.width, " x ", info.height, " pixels, expected at most ",
                     options.most_pixels, " in all");
}

void check_part(const char* format, const ImageInfo& info, const Part& part) {
  if (part.width == 0 && part.height == 0) return;
  ORCHID_CHECK(part.x >= 0 && part.y >= 0 && part.width > 0 && part.height > 0 &&
                   part.width <= info.width - part.x && part.height <= info.height - part.y,
               format, ": expected a part within ", info.width, " x ", info.height, ", got ",
               part.width, " x ", part.height, " from (", part.x, ", ", part.y, ")");
}

ImageInfo image_info(std::span<const std::byte> bytes) {
  return format_of(bytes) == ImageFormat::jpeg ? jpeg_info(bytes) : png_info(bytes);
}

Image decode_image(std::span<const std::byte> bytes, const DecodeOptions& options,
                   DecodeNotes* notes) {
  DecodeNotes unused;
  DecodeNotes& found = notes ? *notes : unused;
  found = {};
  return format_of(bytes) == ImageFormat::jpeg ? decode_jpeg(bytes, options, found)
                                               : decode_png(bytes, options, found);
}

}  // namespace orchid::data
