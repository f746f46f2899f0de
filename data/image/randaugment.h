#pragma once

#include <vector>

#include "data/image/draws.h"
#include "data/image/geometry.h"

namespace orchid::data {

/// The operations of RandAugment (Cubuk et al. 2020) in the form whose strength rises with the
/// magnitude m, u = m / 10. In brackets the argument.
enum class AugmentOp {
  auto_contrast,
  equalize,
  invert,
  rotate,        ///< degrees, counterclockwise: 30 u either way
  posterize,     ///< bits kept: 4 - int(4 u)
  solarize,      ///< threshold: 256 - int(256 u)
  solarize_add,  ///< addend below 128: int(110 u)
  color,         ///< factor of this and the next three: 1 + 0.9 u or 1 - 0.9 u, at least 0.1
  contrast,
  brightness,
  sharpness,
  shear_x,      ///< factor: 0.3 u either way
  shear_y,      ///< the same
  translate_x,  ///< part of the width: 0.45 u either way
  translate_y,  ///< part of the height: 0.45 u either way
};

struct RandAugmentOptions {
  int operations = 2;                ///< drawn for each image, with replacement
  double magnitude = 9;              ///< mean, cut to 0 ... 10
  double magnitude_deviation = 0.5;  ///< of a normal distribution, drawn for each application
  double probability = 0.5;          ///< that a drawn operation is applied
};

/// One operation with all that was drawn for it.
struct AugmentStep {
  AugmentOp op = AugmentOp::invert;
  double argument = 0;               ///< 0 where there is none
  Filter filter = Filter::bilinear;  ///< of those that move pixels

  bool operator==(const AugmentStep&) const = default;
};

/// The argument at a magnitude of 0 ... 10; `down`: that of the two which turns or shifts the
/// other way, or lessens.
double augment_argument(AugmentOp op, double magnitude, bool down);

/// The steps that are applied, in order; may be none.
std::vector<AugmentStep> draw_randaugment(const RandAugmentOptions& options, Draws& draws);

/// `fill` goes where a moved image leaves room.
void apply(Image& image, const AugmentStep& step, const Color& fill = {124, 116, 104});

}  // namespace orchid::data

namespace orchid {
template <>
struct EnumNames<data::AugmentOp> {
  using Op = data::AugmentOp;
  static constexpr EnumName<Op> values[] = {{Op::auto_contrast, "auto_contrast"},
                                            {Op::equalize, "equalize"},
                                            {Op::invert, "invert"},
                                            {Op::rotate, "rotate"},
                                            {Op::posterize, "posterize"},
                                            {Op::solarize, "solarize"},
                                            {Op::solarize_add, "solarize_add"},
                                            {Op::color, "color"},
                                            {Op::contrast, "contrast"},
                                            {Op::brightness, "brightness"},
                                            {Op::sharpness, "sharpness"},
                                            {Op::shear_x, "shear_x"},
                                            {Op::shear_y, "shear_y"},
                                            {Op::translate_x, "translate_x"},
                                            {Op::translate_y, "translate_y"}};
};
}  // namespace orchid
