#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/image/image.h"

namespace orchid::data {

/// What `values` (height, width, channels) were before they were normalised, cut to 8 bits.
Image unnormalized(std::span<const float> values, std::int64_t width, std::int64_t height,
                   std::span<const double> mean, std::span<const double> deviation);

/// Pictures of one size in rows of `columns`, `gap` white pixels around each; small ones enlarged
/// by whole pixels to at least `least` wide.
Image contact_sheet(std::span<const Image> images, std::int64_t columns, std::int64_t least = 64,
                    std::int64_t gap = 4);

}  // namespace orchid::data
