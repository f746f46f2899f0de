#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/image/image.h"
#include "data/io/mapped_file.h"
#include "tests/data/fixtures.h"
#include "tests/support/files.h"

namespace orchid::test {

/// Channel c at (x, y) of the picture that the files of tests/data/images show, as
/// scripts/parity/images.py made them: smooth, so that JPEG keeps it.
inline double smooth(std::int64_t x, std::int64_t y, int c) {
  constexpr std::array<double, 3> kX{3, 1, -2}, kY{1, 4, 2}, kAt{40, 30, 150};
  return kAt[static_cast<std::size_t>(c)] +
         kX[static_cast<std::size_t>(c)] * static_cast<double>(x) +
         kY[static_cast<std::size_t>(c)] * static_cast<double>(y);
}
constexpr std::int64_t kSmoothWidth = 45, kSmoothHeight = 27;

/// Uneven values, a different one at nearly every place.
inline data::Image uneven_image(std::int64_t width, std::int64_t height) {
  data::Image image(width, height);
  std::uint32_t state = 12345;
  for (auto& value : image.pixels) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<std::uint8_t>(state >> 24);
  }
  return image;
}

/// The same with few and middling values, less in each channel.
inline data::Image dull_image(std::int64_t width, std::int64_t height) {
  data::Image image = uneven_image(width, height);
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<std::uint8_t>(40 + image.pixels[i] * (3 - i % 3) / 5);
  return image;
}

inline std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline double mean_difference(const data::Image& a, const data::Image& b) {
  REQUIRE(a.width == b.width);
  REQUIRE(a.height == b.height);
  double sum = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i)
    sum += std::abs(static_cast<int>(a.pixels[i]) - static_cast<int>(b.pixels[i]));
  return sum / static_cast<double>(a.pixels.size());
}

/// A picture of the shared data, or nothing and a loud line.
inline std::optional<std::filesystem::path> shared_image(const std::string& name) {
  return shared_data("../vision/" + name);
}

/// What a PNG is made of. `samples` holds its rows, `channels` values a pixel below 2^depth.
struct Png {
  std::uint32_t width = 0, height = 0;
  int depth = 8, color = 2;  ///< 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGBA
  bool interlaced = false;
  std::string palette = {}, transparency = {};
  std::vector<std::uint32_t> samples = {};

  std::uint32_t channels() const {
    constexpr std::array<std::uint32_t, 7> kChannels{1, 0, 3, 1, 2, 0, 4};
    return kChannels[static_cast<std::size_t>(color)];
  }
  std::string encode() const;  ///< stored, not compressed
};

std::uint32_t crc32(std::string_view text);

/// Gives every chunk that is whole the checksum of its content.
void mend_png_checksums(std::string& file);

/// A chunk with its length and checksum.
std::string png_chunk(const std::string& type, const std::string& content);

}  // namespace orchid::test
