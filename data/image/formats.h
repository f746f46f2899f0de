#pragma once

#include "data/image/decode.h"

namespace orchid::data {

// The decoders behind decode.h, each for its own format alone.

ImageInfo jpeg_info(std::span<const std::byte> bytes);
Image decode_jpeg(std::span<const std::byte> bytes, const DecodeOptions& options,
                  DecodeNotes& notes);

ImageInfo png_info(std::span<const std::byte> bytes);
Image decode_png(std::span<const std::byte> bytes, const DecodeOptions& options,
                 DecodeNotes& notes);

/// Refuses an image of more pixels than allowed.
void check_pixels(const char* format, const ImageInfo& info, const DecodeOptions& options);
/// Refuses a part that does not lie within the image.
void check_part(const char* format, const ImageInfo& info, const Part& part);

}  // namespace orchid::data
