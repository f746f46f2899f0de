#include "data/image/randaugment.h"

#include <algorithm>
#include <iterator>

#include "data/image/color.h"

namespace orchid::data {

double augment_argument(AugmentOp op, double magnitude, bool down) {
  const double u = magnitude / 10, sign = down ? -1 : 1;
  switch (op) {
    case AugmentOp::auto_contrast:
    case AugmentOp::equalize:
    case AugmentOp::invert:
      return 0;
    case AugmentOp::rotate:
      return sign * (u * 30);
    case AugmentOp::posterize:
      return 4 - static_cast<int>(u * 4);
    case AugmentOp::solarize:
      return 256 - std::min(256, static_cast<int>(u * 256));
    case AugmentOp::solarize_add:
      return std::min(128, static_cast<int>(u * 110));
    case AugmentOp::color:
    case AugmentOp::contrast:
    case AugmentOp::brightness:
    case AugmentOp::sharpness:
      return std::max(0.1, 1 + sign * (u * 0.9));
    case AugmentOp::shear_x:
    case AugmentOp::shear_y:
      return sign * (u * 0.3);
    case AugmentOp::translate_x:
    case AugmentOp::translate_y:
      return sign * (u * 0.45);
  }
  return 0;
}

std::vector<AugmentStep> draw_randaugment(const RandAugmentOptions& options, Draws& draws) {
  constexpr auto kOps = std::ssize(EnumNames<AugmentOp>::values);
  std::vector<AugmentStep> steps;
  for (int i = 0; i < options.operations; ++i) {
    // All is drawn whether applied or not: no draw depends on another.
    const auto op = static_cast<AugmentOp>(draws.below(kOps));
    const bool applied = draws.chance(options.probability), down = draws.chance(0.5);
    const double drawn = options.magnitude + options.magnitude_deviation * draws.normal();
    const Filter filter = draws.chance(0.5) ? Filter::bicubic : Filter::bilinear;
    if (applied)
      steps.push_back({op, augment_argument(op, std::clamp(drawn, 0.0, 10.0), down), filter});
  }
  return steps;
}

void apply(Image& image, const AugmentStep& step, const Color& fill) {
  const double argument = step.argument;
  const auto factor = static_cast<float>(argument);
  const auto whole = static_cast<int>(argument);
  const auto move = [&](const Affine& from) {
    image = transformed(image, from, step.filter, fill);
  };
  switch (step.op) {
    case AugmentOp::auto_contrast:
      return auto_contrast(image);
    case AugmentOp::equalize:
      return equalize(image);
    case AugmentOp::invert:
      return invert(image);
    case AugmentOp::rotate:
      return move(rotation(argument, image.width, image.height));
    case AugmentOp::posterize:
      return posterize(image, whole);
    case AugmentOp::solarize:
      return solarize(image, whole);
    case AugmentOp::solarize_add:
      return solarize_add(image, whole);
    case AugmentOp::color:
      return adjust_color(image, factor);
    case AugmentOp::contrast:
      return adjust_contrast(image, factor);
    case AugmentOp::brightness:
      return adjust_brightness(image, factor);
    case AugmentOp::sharpness:
      return adjust_sharpness(image, factor);
    case AugmentOp::shear_x:
      return move(shear_x(argument));
    case AugmentOp::shear_y:
      return move(shear_y(argument));
    case AugmentOp::translate_x:
      return move(translation(argument * static_cast<double>(image.width), 0));
    case AugmentOp::translate_y:
      return move(translation(0, argument * static_cast<double>(image.height)));
  }
}

}  // namespace orchid::data
