#include "data/image/options.h"

#include "kernels/core/error.h"

namespace orchid::data {
namespace {

constexpr std::int64_t kMostResize = 8192;

void probability(const char* key, double value) {
  ORCHID_CHECK_USAGE(value >= 0 && value <= 1, key, ": expected 0 to 1, got ", value);
}

void at_least(const char* key, double value, double least) {
  ORCHID_CHECK_USAGE(value >= least, key, ": expected at least ", least, ", got ", value);
}

void validate_augmentation(const AugmentationOptions& options, std::int64_t size) {
  const auto& [low, high] = options.scale;
  ORCHID_CHECK_USAGE(0 < low && low <= high && high <= 1,
                     "scale: expected 0 < least <= largest <= 1, got ", low, ", ", high);
  const auto& [narrow, wide] = options.ratio;
  ORCHID_CHECK_USAGE(0 < narrow && narrow <= wide && wide <= 1000,
                     "ratio: expected 0 < least <= largest, got ", narrow, ", ", wide);
  ORCHID_CHECK_USAGE(options.padding >= 0 && options.padding <= size,
                     "padding: expected 0 to the size, ", size, ", got ", options.padding);
  probability("flip", options.flip);
  const RandAugmentSettings& random = options.randaugment;
  ORCHID_CHECK_USAGE(random.operations >= 0 && random.operations <= 100,
                     "randaugment: operations: expected 0 to 100, got ", random.operations);
  ORCHID_CHECK_USAGE(random.magnitude >= 0 && random.magnitude <= 10,
                     "randaugment: magnitude: expected 0 to 10, got ", random.magnitude);
  at_least("randaugment: deviation", random.deviation, 0);
  probability("randaugment: probability", random.probability);
  at_least("jitter: brightness", options.jitter.brightness, 0);
  at_least("jitter: contrast", options.jitter.contrast, 0);
  at_least("jitter: color", options.jitter.color, 0);
  probability("erasing", options.erasing);
  at_least("mixup", options.mixup, 0);
  at_least("cutmix", options.cutmix, 0);
  probability("mix_probability", options.mix_probability);
  probability("switch_probability", options.switch_probability);
}

}  // namespace

void validate(const ImageDataOptions& options) {
  ORCHID_CHECK_USAGE(options.size >= 1 && options.size <= 4096,
                     "size: expected 1 to 4096 pixels, got ", options.size);
  ORCHID_CHECK_USAGE(options.channels == 1 || options.channels == 3,
                     "channels: expected 1 or 3, got ", options.channels);
  const auto by_channel = [&](const char* key, const std::vector<double>& values) {
    ORCHID_CHECK_USAGE(std::ssize(values) == options.channels, key, ": expected ", options.channels,
                       " numbers, one for each of the channels, got ", values.size());
  };
  by_channel("mean", options.mean);
  by_channel("deviation", options.deviation);
  for (const double value : options.deviation)
    ORCHID_CHECK_USAGE(value > 0, "deviation: expected above 0, got ", value);
  ORCHID_CHECK_USAGE(
      options.resize == 0 || (options.resize >= options.size && options.resize <= kMostResize),
      "resize: expected 0, or from the size, ", options.size, ", to ", kMostResize, ", got ",
      options.resize);
  ORCHID_CHECK_USAGE(options.filter != Interpolation::random,
                     "filter: expected bilinear | bicubic, got random");
  with_context("augmentation", [&] { validate_augmentation(options.augmentation, options.size); });
  ORCHID_CHECK_USAGE(options.valid_fraction >= 0 && options.valid_fraction < 1,
                     "valid_fraction: expected 0 to below 1, got ", options.valid_fraction);
  ORCHID_CHECK_USAGE(options.valid_fraction == 0 || options.valid.empty(),
                     "valid_fraction: expected 0 where valid names pictures of its own, got ",
                     options.valid_fraction);
  ORCHID_CHECK_USAGE(options.repeats >= 1 && options.repeats <= 64,
                     "repeats: expected 1 to 64, got ", options.repeats);
}

}  // namespace orchid::data
