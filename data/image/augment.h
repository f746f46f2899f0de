#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "data/image/decode.h"
#include "data/image/randaugment.h"

namespace orchid::data {

// The steps of augmentation for training, what is random drawn apart from where it is applied, and
// the two of evaluation.

/// A part with a random share of the area, uniform, and a random ratio of width to height, its
/// logarithm uniform.
struct PartOptions {
  double least_area, most_area, least_ratio, most_ratio;
};
constexpr PartOptions kCropOptions{0.08, 1, 3.0 / 4, 4.0 / 3};
constexpr PartOptions kErasingOptions{0.02, 1.0 / 3, 0.3, 1 / 0.3};

/// Ten tries; if none fits, the largest part in the center with a ratio that is allowed.
Part draw_crop(std::int64_t width, std::int64_t height, const PartOptions& options, Draws& draws);

/// Ten tries for a part smaller than the image both ways; nothing with probability
/// 1 - `probability`, or if none fits.
std::optional<Part> draw_erasing(std::int64_t width, std::int64_t height, double probability,
                                 const PartOptions& options, Draws& draws);

/// Writes standard normal numbers over a part of `values` (height, width, channels).
void erase(std::span<float> values, std::int64_t width, std::int64_t channels, const Part& part,
           Draws& draws);

/// Factors uniform in [max(0, 1 - x), 1 + x], applied in random order; 0 leaves a step out.
struct ColorJitter {
  double brightness = 0, contrast = 0, color = 0;
};
std::vector<AugmentStep> draw_jitter(const ColorJitter& jitter, Draws& draws);

/// The part of an image that begins at (x, y), each -padding ... padding, of the image's own size:
/// beyond an edge the image goes on mirrored, the outermost pixel included.
Image shifted(const Image& image, std::int64_t x, std::int64_t y);

/// The shorter side brought to `shorter`, the other in proportion, rounded down; then the center.
/// `size` is at most `shorter`.
Image evaluation_crop(const Image& image, std::int64_t shorter, std::int64_t size, Filter filter);

/// (v / 255 - mean) / deviation by channel, as v scale + shift.
class Normalizer {
 public:
  /// For 3 channels, or for 1: brightness alone, (299 R + 587 G + 114 B) / 1000.
  Normalizer(std::span<const double> mean, std::span<const double> deviation);
  /// Into `out` (height, width, channels).
  void operator()(const Image& image, std::span<float> out) const;

 private:
  static constexpr std::size_t kLanes = 48;  ///< values at once: whole pixels and vectors
  std::size_t channels_;
  std::array<float, kLanes> scale_{}, shift_{};
};

}  // namespace orchid::data
