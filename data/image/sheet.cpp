#include "data/image/sheet.h"

#include <algorithm>
#include <cmath>

#include "kernels/core/error.h"

namespace orchid::data {

Image unnormalized(std::span<const float> values, std::int64_t width, std::int64_t height,
                   std::span<const double> mean, std::span<const double> deviation) {
  const std::size_t channels = mean.size();
  ORCHID_CHECK(std::ssize(values) == width * height * std::ssize(mean), "unnormalized: expected ",
               width * height * std::ssize(mean), " values, got ", values.size());
  Image image(width, height);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    const std::size_t c = channels == 1 ? 0 : i % 3;
    const double value = static_cast<double>(values[i / 3 * channels + c]) * deviation[c] + mean[c];
    image.pixels[i] = static_cast<std::uint8_t>(std::clamp(std::lround(255 * value), 0l, 255l));
  }
  return image;
}

Image contact_sheet(std::span<const Image> images, std::int64_t columns, std::int64_t least,
                    std::int64_t gap) {
  ORCHID_CHECK(!images.empty() && columns > 0, "contact_sheet: expected pictures and columns");
  const std::int64_t width = images[0].width, height = images[0].height;
  const std::int64_t times = std::max<std::int64_t>((least + width - 1) / width, 1);
  const std::int64_t across = std::min<std::int64_t>(columns, std::ssize(images));
  const std::int64_t down = (std::ssize(images) + columns - 1) / columns;
  Image sheet(gap + across * (times * width + gap), gap + down * (times * height + gap));
  std::fill(sheet.pixels.begin(), sheet.pixels.end(), std::uint8_t{255});
  for (std::int64_t i = 0; i < std::ssize(images); ++i) {
    const Image& image = images[static_cast<std::size_t>(i)];
    ORCHID_CHECK(image.width == width && image.height == height,
                 "contact_sheet: expected pictures of one size");
    const std::int64_t left = gap + i % columns * (times * width + gap);
    const std::int64_t top = gap + i / columns * (times * height + gap);
    for (std::int64_t y = 0; y < times * height; ++y)
      for (std::int64_t x = 0; x < times * width; ++x)
        std::copy_n(image.row(y / times) + 3 * (x / times), 3, sheet.row(top + y) + 3 * (left + x));
  }
  return sheet;
}

}  // namespace orchid::data
