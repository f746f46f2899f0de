#pragma once

#include <cstdint>

#include "data/image/image.h"
#include "kernels/core/enum_names.h"

namespace orchid::data {

/// What a pixel weighs by its distance t, in pixels of the coarser picture: box 1 up to 1/2;
/// bilinear 1 - |t| up to 1; bicubic, Keys' cubic with a = -1/2, up to 2.
enum class Filter { box, bilinear, bicubic };

/// Edges in pixels, 0 being the left edge of the first: all of an image is {0, 0, width, height}.
struct Box {
  float left = 0, top = 0, right = 0, bottom = 0;
};

/// What lies in `box`, brought to width x height, antialiased: where it shrinks, the filter is as
/// much wider. First along rows, then along columns, rounded to 8 bits between; weights sum to 1,
/// near edges of the image over what there is. Pixels outside the box but inside the image count
/// where the filter reaches them; crop first to keep them out. To the last bit as Pillow, where
/// that begins with rows too (newer ones do not always).
Image resize(const Image& image, const Box& box, std::int64_t width, std::int64_t height,
             Filter filter);
Image resize(const Image& image, std::int64_t width, std::int64_t height, Filter filter);
/// The same of the part cropped before, which `box` counts from, to size x size.
Image resize(const Image& image, const Part& part, const Box& box, std::int64_t size,
             Filter filter);

/// The width x height pixels from (x, y).
Image crop(const Image& image, std::int64_t x, std::int64_t y, std::int64_t width,
           std::int64_t height);

void flip_horizontal(Image& image);

}  // namespace orchid::data

namespace orchid {
template <>
struct EnumNames<data::Filter> {
  static constexpr EnumName<data::Filter> values[] = {{data::Filter::box, "box"},
                                                      {data::Filter::bilinear, "bilinear"},
                                                      {data::Filter::bicubic, "bicubic"}};
};
}  // namespace orchid
