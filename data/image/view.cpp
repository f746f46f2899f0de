#include "data/image/view.h"

#include <algorithm>
#include <cmath>

#include "data/image/augment.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

Filter filter_of(Interpolation interpolation, Draws& draws) {
  begin(draws, DrawStage::interpolation);
  const bool cubic = interpolation == Interpolation::random
                         ? draws.chance(0.5)
                         : interpolation == Interpolation::bicubic;
  return cubic ? Filter::bicubic : Filter::bilinear;
}

/// The part of a picture of which `image` shows what `notes` say, brought to size x size.
Image resized_part(const Image& image, const DecodeNotes& notes, const Part& part,
                   std::int64_t size, Filter filter) {
  const double across =
      static_cast<double>(notes.scaled_width) / static_cast<double>(notes.info.width);
  const double down =
      static_cast<double>(notes.scaled_height) / static_cast<double>(notes.info.height);
  const double left = static_cast<double>(part.x) * across,
               top = static_cast<double>(part.y) * down;
  const double right = static_cast<double>(part.x + part.width) * across;
  const double bottom = static_cast<double>(part.y + part.height) * down;
  // Whole pixels first: what lies beyond the part is not to be seen.
  const auto x = static_cast<std::int64_t>(left), y = static_cast<std::int64_t>(top);
  const auto end_x = std::min(static_cast<std::int64_t>(std::ceil(right)), notes.scaled_width);
  const auto end_y = std::min(static_cast<std::int64_t>(std::ceil(bottom)), notes.scaled_height);
  const auto within = [](double at, std::int64_t begin, std::int64_t end) {
    return std::clamp(static_cast<float>(at - static_cast<double>(begin)), 0.0f,
                      static_cast<float>(end - begin));
  };
  return resize(image, {x - notes.x, y - notes.y, end_x - x, end_y - y},
                {within(left, x, end_x), within(top, y, end_y), within(right, x, end_x),
                 within(bottom, y, end_y)},
                size, filter);
}

/// A random part, brought to the size.
Image random_resized(const StoredImage& stored, const ImageDataOptions& options, Draws& draws,
                     DecodeNotes& notes) {
  const AugmentationOptions& augmentation = options.augmentation;
  const ImageInfo info = image_info(stored);
  begin(draws, DrawStage::crop);
  const Part part = draw_crop(
      info.width, info.height,
      {augmentation.scale[0], augmentation.scale[1], augmentation.ratio[0], augmentation.ratio[1]},
      draws);
  const Filter filter = filter_of(augmentation.interpolation, draws);
  const std::int64_t least = options.size * 3 / 2;  // a smaller scale would be seen
  const Image image = decode_image(
      stored, {.at_least_width = least, .at_least_height = least, .part = part}, &notes);
  return resized_part(image, notes, part, options.size, filter);
}

Image shifted_view(const StoredImage& stored, const ImageDataOptions& options, Draws& draws,
                   DecodeNotes& notes) {
  begin(draws, DrawStage::crop);
  const std::int64_t padding = options.augmentation.padding;
  const std::int64_t y = draws.below(2 * padding + 1) - padding;
  const std::int64_t x = draws.below(2 * padding + 1) - padding;
  return shifted(evaluation_view(stored, options, notes), x, y);
}

}  // namespace

Image evaluation_view(const StoredImage& stored, const ImageDataOptions& options,
                      DecodeNotes& notes) {
  Image image = decode_image(stored, {}, &notes);
  if (options.resize == 0) {
    ORCHID_CHECK_INPUT(image.width == options.size && image.height == options.size, "expected ",
                       options.size, " x ", options.size, " pixels, got ", image.width, " x ",
                       image.height, "; a `resize` above 0 brings pictures to the size");
    return image;
  }
  return evaluation_crop(
      image, options.resize, options.size,
      options.filter == Interpolation::bilinear ? Filter::bilinear : Filter::bicubic);
}

Image training_view(const StoredImage& stored, const ImageDataOptions& options, Draws& draws,
                    DecodeNotes& notes) {
  const AugmentationOptions& augmentation = options.augmentation;
  Image image =
      augmentation.crop == CropKind::random_resized ? random_resized(stored, options, draws, notes)
      : augmentation.crop == CropKind::shifted      ? shifted_view(stored, options, draws, notes)
                                                    : evaluation_view(stored, options, notes);
  begin(draws, DrawStage::flip);
  if (draws.chance(augmentation.flip)) flip_horizontal(image);
  begin(draws, DrawStage::randaugment);
  const RandAugmentSettings& random = augmentation.randaugment;
  for (const AugmentStep& step :
       draw_randaugment({static_cast<int>(random.operations), random.magnitude, random.deviation,
                         random.probability},
                        draws))
    apply(image, step);
  begin(draws, DrawStage::jitter);
  const JitterSettings& jitter = augmentation.jitter;
  for (const AugmentStep& step :
       draw_jitter({jitter.brightness, jitter.contrast, jitter.color}, draws))
    apply(image, step);
  return image;
}

}  // namespace orchid::data
