#include "tests/data/image_fixtures.h"

namespace orchid::test {
namespace {

std::string big_endian(std::uint32_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    text += static_cast<char>((value >> shift) & 255);
  return text;
}

/// zlib's format with stored blocks.
std::string stored(const std::string& text) {
  std::string out = "\x78\x01";
  std::uint32_t a = 1, b = 0;
  for (const char c : text) {
    a = (a + static_cast<unsigned char>(c)) % 65521;
    b = (b + a) % 65521;
  }
  for (std::size_t at = 0; at == 0 || at < text.size(); at += 65535) {
    const auto part = text.substr(at, 65535);
    const auto size = static_cast<std::uint32_t>(part.size());
    out += at + 65535 >= text.size() ? '\1' : '\0';
    for (const std::uint32_t n : {size, ~size}) {
      out += static_cast<char>(n & 255);
      out += static_cast<char>((n >> 8) & 255);
    }
    out += part;
  }
  return out + big_endian((b << 16) | a, 4);
}

/// The rows of every `step`th pixel from (x0, y0), each after its filter byte 0.
std::string rows_of(const Png& png, std::uint32_t x0, std::uint32_t y0, std::uint32_t step_x,
                    std::uint32_t step_y) {
  std::string text;
  for (std::uint32_t y = y0; y < png.height && x0 < png.width; y += step_y) {
    text += '\0';
    int used = 0;  // bits of the last byte
    for (std::uint32_t x = x0; x < png.width; x += step_x)
      for (std::uint32_t c = 0; c < png.channels(); ++c) {
        const std::uint32_t v = png.samples[(y * png.width + x) * png.channels() + c];
        if (png.depth >= 8) {
          text += big_endian(v, png.depth / 8);
          continue;
        }
        if (used == 0) text += '\0';
        text.back() = static_cast<char>(static_cast<unsigned char>(text.back()) |
                                        (v << (8 - png.depth - used)));
        used = (used + png.depth) % 8;
      }
  }
  return text;
}

}  // namespace

std::uint32_t crc32(std::string_view text) {
  std::uint32_t crc = ~0u;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0xEDB88320u : 0u);
  }
  return ~crc;
}

void mend_png_checksums(std::string& file) {
  for (std::size_t at = 8; at + 12 <= file.size();) {
    std::size_t size = 0;
    for (std::size_t i = 0; i < 4; ++i) size = size << 8 | static_cast<unsigned char>(file[at + i]);
    if (size > file.size() - at - 12) return;
    file.replace(at + 8 + size, 4,
                 big_endian(crc32(std::string_view(file).substr(at + 4, 4 + size)), 4));
    at += 12 + size;
  }
}

std::string png_chunk(const std::string& type, const std::string& content) {
  return big_endian(static_cast<std::uint32_t>(content.size()), 4) + type + content +
         big_endian(crc32(type + content), 4);
}

std::string Png::encode() const {
  std::string rows;
  if (interlaced) {
    constexpr std::uint32_t kPasses[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                             {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
    for (const auto& [x, y, step_x, step_y] : kPasses) rows += rows_of(*this, x, y, step_x, step_y);
  } else {
    rows = rows_of(*this, 0, 0, 1, 1);
  }
  std::string head = big_endian(width, 4) + big_endian(height, 4);
  head += {static_cast<char>(depth), static_cast<char>(color), 0, 0, interlaced ? '\1' : '\0'};
  std::string file = "\x89PNG\r\n\x1A\n" + png_chunk("IHDR", head);
  if (!palette.empty()) file += png_chunk("PLTE", palette);
  if (!transparency.empty()) file += png_chunk("tRNS", transparency);
  return file + png_chunk("IDAT", stored(rows)) + png_chunk("IEND", "");
}

}  // namespace orchid::test
