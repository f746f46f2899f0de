#pragma once

#include <cstdint>

#include "data/image/image.h"

namespace orchid::data {

// What changes values and moves nothing, to the last bit as Pillow's ImageOps and ImageEnhance do.

/// (299 R + 587 G + 114 B) / 1000 of a pixel, rounded.
inline int brightness_of(const std::uint8_t* rgb) {
  return (rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16;  // in 65536ths
}

/// In each channel, stretches what there is to 0 ... 255.
void auto_contrast(Image& image);
/// In each channel, spreads the values so that each range of them is as frequent.
void equalize(Image& image);
/// 255 - v.
void invert(Image& image);
/// Keeps the upper `bits`, 0 to 8, of each value.
void posterize(Image& image, int bits);
/// 255 - v where v >= threshold.
void solarize(Image& image, int threshold);
/// min(255, v + addend) where v < threshold.
void solarize_add(Image& image, int addend, int threshold = 128);

// d + factor (v - d), cut to 0 ... 255 and then down to whole numbers: 1 changes nothing, above 1
// is more. What d is:

/// The pixel's brightness (299 R + 587 G + 114 B) / 1000.
void adjust_color(Image& image, float factor);
/// The mean brightness of the image.
void adjust_contrast(Image& image, float factor);
/// 0.
void adjust_brightness(Image& image, float factor);
/// The mean of the pixel, 5 times, and its eight neighbours; at the edge the pixel.
void adjust_sharpness(Image& image, float factor);

}  // namespace orchid::data
