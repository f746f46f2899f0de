#include "data/image/augment.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "data/image/color.h"
#include "data/image/fast.h"

namespace orchid::data {
namespace {

constexpr int kTries = 10;

/// To nearest, halves to even.
std::int64_t rounded(double value) {
  return std::llrint(value);
}

/// A part's size; where it lies is drawn later.
Part draw_size(double area, const PartOptions& options, Draws& draws) {
  const double part = area * draws.uniform(options.least_area, options.most_area);
  const double ratio =
      std::exp(draws.uniform(std::log(options.least_ratio), std::log(options.most_ratio)));
  return {0, 0, rounded(std::sqrt(part * ratio)), rounded(std::sqrt(part / ratio))};
}

void draw_place(Part& part, std::int64_t width, std::int64_t height, Draws& draws) {
  part.y = draws.below(height - part.height + 1);
  part.x = draws.below(width - part.width + 1);
}

}  // namespace

Part draw_crop(std::int64_t width, std::int64_t height, const PartOptions& options, Draws& draws) {
  const auto area = static_cast<double>(width * height);
  for (int i = 0; i < kTries; ++i) {
    Part part = draw_size(area, options, draws);
    if (part.width < 1 || part.height < 1 || part.width > width || part.height > height) continue;
    draw_place(part, width, height, draws);
    return part;
  }
  const double ratio = static_cast<double>(width) / static_cast<double>(height);
  Part part{0, 0, width, height};
  if (ratio < options.least_ratio)
    part.height = rounded(static_cast<double>(width) / options.least_ratio);
  else if (ratio > options.most_ratio)
    part.width = rounded(static_cast<double>(height) * options.most_ratio);
  part.width = std::clamp<std::int64_t>(part.width, 1, width);
  part.height = std::clamp<std::int64_t>(part.height, 1, height);
  part.x = (width - part.width) / 2;
  part.y = (height - part.height) / 2;
  return part;
}

std::optional<Part> draw_erasing(std::int64_t width, std::int64_t height, double probability,
                                 const PartOptions& options, Draws& draws) {
  if (!draws.chance(probability)) return std::nullopt;
  const auto area = static_cast<double>(width * height);
  for (int i = 0; i < kTries; ++i) {
    Part part = draw_size(area, options, draws);
    if (part.width < 1 || part.height < 1 || part.width >= width || part.height >= height) continue;
    draw_place(part, width, height, draws);
    return part;
  }
  return std::nullopt;
}

void erase(std::span<float> values, std::int64_t width, std::int64_t channels, const Part& part,
           Draws& draws) {
  for (std::int64_t y = part.y; y < part.y + part.height; ++y)
    draws.normals(values.subspan(static_cast<std::size_t>(channels * (y * width + part.x)),
                                 static_cast<std::size_t>(channels * part.width)));
}

std::vector<AugmentStep> draw_jitter(const ColorJitter& jitter, Draws& draws) {
  std::vector<std::pair<double, AugmentStep>> steps;  // with what they are ordered by
  for (const auto& [strength, op] : {std::pair{jitter.brightness, AugmentOp::brightness},
                                     std::pair{jitter.contrast, AugmentOp::contrast},
                                     std::pair{jitter.color, AugmentOp::color}}) {
    const double order = draws.uniform();
    const double factor = draws.uniform(std::max(0.0, 1 - strength), 1 + strength);
    if (strength > 0) steps.push_back({order, {.op = op, .argument = factor}});
  }
  std::stable_sort(steps.begin(), steps.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<AugmentStep> result;
  for (const auto& [order, step] : steps) result.push_back(step);
  return result;
}

Image shifted(const Image& image, std::int64_t x, std::int64_t y) {
  const auto mirrored = [](std::int64_t at, std::int64_t size) {
    return at < 0 ? -1 - at : at >= size ? 2 * size - 1 - at : at;
  };
  ORCHID_CHECK(std::abs(x) <= image.width && std::abs(y) <= image.height,
               "shifted: expected at most ", image.width, " x ", image.height, ", got ", x, ", ",
               y);
  Image out(image.width, image.height);
  for (std::int64_t row = 0; row < image.height; ++row)
    for (std::int64_t column = 0; column < image.width; ++column)
      std::copy_n(
          image.row(mirrored(row + y, image.height)) + 3 * mirrored(column + x, image.width), 3,
          out.row(row) + 3 * column);
  return out;
}

Image evaluation_crop(const Image& image, std::int64_t shorter, std::int64_t size, Filter filter) {
  ORCHID_CHECK(0 < size && size <= shorter, "evaluation_crop: expected a crop of at most ", shorter,
               " pixels, got ", size);
  const std::int64_t least = std::min(image.width, image.height);
  ORCHID_CHECK(least > 0, "evaluation_crop: the image is empty");
  const auto scaled = [&](std::int64_t side) { return shorter * side / least; };
  const std::int64_t width = scaled(image.width), height = scaled(image.height);
  ORCHID_CHECK_INPUT(width <= kMostPixels / height, "expected at most ", kMostPixels,
                     " pixels with a shorter side of ", shorter, ", got ", width, " x ", height,
                     " from ", image.width, " x ", image.height);
  const Image resized = resize(image, width, height, filter);
  const auto margin = [&](std::int64_t side) {
    return rounded(static_cast<double>(side - size) / 2);
  };
  return crop(resized, margin(resized.width), margin(resized.height), size, size);
}

Normalizer::Normalizer(std::span<const double> mean, std::span<const double> deviation)
    : channels_(mean.size()) {
  ORCHID_CHECK((channels_ == 1 || channels_ == 3) && deviation.size() == channels_,
               "normalize: expected 1 or 3 channels, got ", mean.size(), " and ", deviation.size());
  for (std::size_t i = 0; i < kLanes; ++i) {
    const std::size_t c = i % channels_;
    scale_[i] = static_cast<float>(1 / (255 * deviation[c]));
    shift_[i] = static_cast<float>(-mean[c] / deviation[c]);
  }
}

ORCHID_FAST void Normalizer::operator()(const Image& image, std::span<float> out) const {
  const std::size_t count = image.pixels.size() / 3;
  ORCHID_CHECK(out.size() == channels_ * count, "normalize: expected room for ", channels_ * count,
               " values, got ", out.size());
  const std::uint8_t* pixel = image.pixels.data();
  if (channels_ == 1) {
    for (std::size_t i = 0; i < count; ++i)
      out[i] = static_cast<float>(brightness_of(pixel + 3 * i)) * scale_[0] + shift_[0];
    return;
  }
  std::size_t i = 0;
  for (; i + kLanes <= 3 * count; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane)
      out[i + lane] = static_cast<float>(pixel[i + lane]) * scale_[lane] + shift_[lane];
  for (; i < 3 * count; ++i) out[i] = static_cast<float>(pixel[i]) * scale_[i % 3] + shift_[i % 3];
}

}  // namespace orchid::data
