#pragma once

#include <cstdint>
#include <optional>

#include "data/dataset.h"
#include "data/image/augment.h"
#include "data/image/options.h"

namespace orchid::data {

/// How the pictures of a batch are mixed, each with its partner: that of the batch reversed.
struct Mix {
  double share = 1;         ///< of a picture itself, and of its label
  std::optional<Part> box;  ///< cutmix: what comes from the partner; else mixup, a blend
};

/// Beta(alpha, alpha) from two Gamma(alpha) numbers.
double draw_beta(double alpha, Draws& draws);

/// None with probability 1 - mix_probability. The share is drawn from Beta(alpha, alpha); a box has
/// sqrt(1 - share) of each side, its center anywhere, cut at the edges, and then the share becomes
/// that of the area outside it.
Mix draw_mix(const AugmentationOptions& options, std::int64_t width, std::int64_t height,
             Draws& draws);

/// Mixes `images` and sets `partners` and `shares`.
void mix(Batch& batch, const Mix& mix, const std::shared_ptr<Memory>& memory);

}  // namespace orchid::data
