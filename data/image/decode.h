#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "data/image/image.h"

namespace orchid::data {

struct DecodeOptions {
  /// A JPEG is decoded at the smallest of 1/8, 1/4, 1/2 and 1 of its size, rounded up, that is
  /// still at least this large both ways: faster than to decode the whole and to reduce it (3/8,
  /// 5/8, 6/8 and 7/8 take longer than the next). 0 and 0: at its size. A PNG is always whole.
  std::int64_t at_least_width = 0, at_least_height = 0;
  /// Of a JPEG only this part, in pixels of its whole size, is needed, and at_least_... is of it.
  /// What comes out is the part and, where that is no loss, some more: DecodeNotes say what. No
  /// size: all.
  Part part = {};
  /// Damaged data is an Error; else what could be read of it is returned, and noted.
  bool strict = false;
  /// More pixels than this, at its size, are an Error before any memory is asked for.
  std::int64_t most_pixels = kMostPixels;
};

enum class ImageFormat { jpeg, png };

/// What the head of a file says.
struct ImageInfo {
  ImageFormat format = ImageFormat::jpeg;
  std::int64_t width = 0, height = 0;  ///< as stored: nothing turns an image by its EXIF
};

struct DecodeNotes {
  ImageInfo info;  ///< the size is that before any scaling
  /// Where in the picture, brought to `scaled_width` x `scaled_height`, the pixels come from.
  std::int64_t x = 0, y = 0, scaled_width = 0, scaled_height = 0;
  std::string damage;  ///< what was wrong with the data; empty: nothing
};

/// Reads the head alone. The format is told by the content. input_data Errors say what is wrong
/// ("JPEG: ..."), but know no file.
ImageInfo image_info(std::span<const std::byte> bytes);

/// Decodes a JPEG (gray, YCbCr, RGB, CMYK, YCCK; baseline or progressive, 8 bits) or a PNG (any).
/// Gray becomes three equal channels; CMYK is read as Adobe writes it, inverted; of 16 bits the
/// upper 8 are kept; transparency and color profiles are ignored. Errors as of `image_info`.
Image decode_image(std::span<const std::byte> bytes, const DecodeOptions& options = {},
                   DecodeNotes* notes = nullptr);

}  // namespace orchid::data
