#pragma once

#include <string>

#include "data/image/image.h"

namespace orchid::data {

/// A JPEG of a quality of 1 to 100, colors at half the resolution.
std::string encode_jpeg(const Image& image, int quality);

/// A PNG, 8-bit RGB.
std::string encode_png(const Image& image);

}  // namespace orchid::data
