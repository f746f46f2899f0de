#pragma once

#include "data/image/draws.h"
#include "data/image/open.h"
#include "data/image/options.h"

namespace orchid::data {

/// The stages of `Draws` in which the parts of a training picture are drawn.
enum class DrawStage : std::uint32_t { crop, interpolation, flip, randaugment, jitter, erasing };
inline void begin(Draws& draws, DrawStage stage) {
  draws.begin(static_cast<std::uint32_t>(stage));
}

/// The size x size pixels that a network sees of a picture in training, before they are normalised:
/// cropped, flipped, RandAugment, jitter.
Image training_view(const StoredImage&, const ImageDataOptions&, Draws&, DecodeNotes&);

/// The same in evaluation: the shorter side brought to `resize`, the center cut out; with a
/// `resize` of 0 the picture itself, which must have the size.
Image evaluation_view(const StoredImage&, const ImageDataOptions&, DecodeNotes&);

}  // namespace orchid::data
