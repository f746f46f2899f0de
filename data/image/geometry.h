#pragma once

#include <array>
#include <cstdint>

#include "data/image/image.h"
#include "data/image/resample.h"

namespace orchid::data {

/// Where a pixel comes from: (x, y), its center at (x + 1/2, y + 1/2), from
/// (m0 x + m1 y + m2, m3 x + m4 y + m5).
using Affine = std::array<double, 6>;

Affine rotation(double degrees, std::int64_t width, std::int64_t height);  ///< counterclockwise
Affine shear_x(double factor);                                             ///< m1
Affine shear_y(double factor);                                             ///< m3
Affine translation(double x, double y);  ///< what is at (x, y) comes to (0, 0)

using Color = std::array<std::uint8_t, 3>;

/// An image of the same size, each pixel interpolated where it comes from, between 4 (bilinear) or
/// 16 (bicubic, a = -1) others, the outermost repeated beyond the edge; `fill` where that is
/// outside. To the last bit as Pillow's Image.transform and rotate do.
Image transformed(const Image& image, const Affine& from, Filter filter, const Color& fill);

}  // namespace orchid::data
