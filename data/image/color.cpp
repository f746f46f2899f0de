#include "data/image/color.h"

#include <algorithm>
#include <array>

#include "data/image/fast.h"

namespace orchid::data {
namespace {

using Table = std::array<std::uint8_t, 256>;
using Histogram = std::array<std::int64_t, 256>;

std::uint8_t cut(int value) {
  return static_cast<std::uint8_t>(std::clamp(value, 0, 255));
}

template <class Function>
Table table_of(Function&& function) {
  Table table;
  for (int v = 0; v < 256; ++v) table[static_cast<std::size_t>(v)] = cut(function(v));
  return table;
}

std::array<Histogram, 3> histograms(const Image& image) {
  std::array<Histogram, 3> counts{};
  for (std::size_t i = 0; i < image.pixels.size(); i += 3)
    for (std::size_t c = 0; c < 3; ++c) ++counts[c][image.pixels[i + c]];
  return counts;
}

void look_up(Image& image, const Table& table) {
  for (auto& value : image.pixels) value = table[value];
}

void look_up(Image& image, const std::array<Table, 3>& tables) {
  for (std::size_t i = 0; i < image.pixels.size(); i += 3)
    for (std::size_t c = 0; c < 3; ++c) image.pixels[i + c] = tables[c][image.pixels[i + c]];
}

Table stretching(const Histogram& counts) {
  const auto used = [](std::int64_t count) { return count > 0; };
  const auto low = std::find_if(counts.begin(), counts.end(), used) - counts.begin();
  const auto high = 255 - (std::find_if(counts.rbegin(), counts.rend(), used) - counts.rbegin());
  if (high <= low) return table_of([](int v) { return v; });
  const double scale = 255.0 / static_cast<double>(high - low);
  const double offset = static_cast<double>(-low) * scale;
  return table_of([&](int v) { return static_cast<int>(v * scale + offset); });
}

/// Value v becomes the number of pixels below it, in steps of which there are 255 up to the
/// largest value.
Table equalizing(const Histogram& counts) {
  std::int64_t sum = 0, last = 0;
  int different = 0;
  for (const std::int64_t count : counts) {
    if (count == 0) continue;
    sum += count;
    last = count;
    ++different;
  }
  const std::int64_t step = (sum - last) / 255;
  if (different <= 1 || step == 0) return table_of([](int v) { return v; });
  std::int64_t below = step / 2;
  return table_of([&](int v) {
    const std::int64_t level = below / step;
    below += counts[static_cast<std::size_t>(v)];
    return static_cast<int>(std::min<std::int64_t>(level, 255));
  });
}

/// In float, as the result is cut down to a whole number.
std::uint8_t blend(int from, int value, float factor) {
  const float sum = static_cast<float>(from) + factor * static_cast<float>(value - from);
  return static_cast<std::uint8_t>(std::clamp(sum, 0.0f, 255.0f));
}

}  // namespace

void auto_contrast(Image& image) {
  const auto counts = histograms(image);
  look_up(image, {stretching(counts[0]), stretching(counts[1]), stretching(counts[2])});
}

void equalize(Image& image) {
  const auto counts = histograms(image);
  look_up(image, {equalizing(counts[0]), equalizing(counts[1]), equalizing(counts[2])});
}

void invert(Image& image) {
  for (auto& value : image.pixels) value = static_cast<std::uint8_t>(255 - value);
}

ORCHID_FAST void posterize(Image& image, int bits) {
  const auto mask = static_cast<std::uint8_t>(~((1 << (8 - std::clamp(bits, 0, 8))) - 1));
  for (auto& value : image.pixels) value = static_cast<std::uint8_t>(value & mask);
}

ORCHID_FAST void solarize(Image& image, int threshold) {
  if (threshold > 255) return;
  const auto least = static_cast<std::uint8_t>(std::max(threshold, 0));
  for (auto& value : image.pixels)
    value = value < least ? value : static_cast<std::uint8_t>(255 - value);
}

void solarize_add(Image& image, int addend, int threshold) {
  look_up(image, table_of([&](int v) { return v < threshold ? v + addend : v; }));
}

ORCHID_FAST void adjust_color(Image& image, float factor) {
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    std::uint8_t* rgb = image.pixels.data() + i;
    const int gray = brightness_of(rgb);
    for (int c = 0; c < 3; ++c) rgb[c] = blend(gray, rgb[c], factor);
  }
}

void adjust_contrast(Image& image, float factor) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) sum += brightness_of(&image.pixels[i]);
  const double pixels = static_cast<double>(std::max<std::int64_t>(image.width * image.height, 1));
  const int mean = static_cast<int>(static_cast<double>(sum) / pixels + 0.5);
  look_up(image, table_of([&](int v) { return blend(mean, v, factor); }));
}

void adjust_brightness(Image& image, float factor) {
  look_up(image, table_of([&](int v) { return blend(0, v, factor); }));
}

ORCHID_FAST void adjust_sharpness(Image& image, float factor) {
  const Image from = image;
  const std::int64_t stride = 3 * image.width;
  for (std::int64_t y = 1; y + 1 < image.height; ++y) {
    const std::uint8_t *above = from.row(y - 1), *here = from.row(y), *below = from.row(y + 1);
    std::uint8_t* out = image.row(y);
    for (std::int64_t i = 3; i < stride - 3; ++i) {
      int sum = 4 * here[i];
      for (const std::int64_t at : {i - 3, i, i + 3}) sum += above[at] + here[at] + below[at];
      out[i] = blend((2 * sum + 13) / 26, here[i], factor);  // sum / 13, rounded
    }
  }
}

}  // namespace orchid::data
