#include "data/image/mix.h"

#include <algorithm>
#include <cmath>

#include "kernels/core/error.h"

namespace orchid::data {
namespace {

/// Gamma(alpha) by Marsaglia and Tsang (2000): the cube of a normal number, accepted so that the
/// density fits; below 1 from Gamma(alpha + 1) times U^(1 / alpha). As a logarithm: for a small
/// alpha the number itself may be too small for a double.
double draw_log_gamma(double alpha, Draws& draws) {
  if (alpha < 1) {
    const double lift = std::log(draws.uniform() + 0x1p-33) / alpha;
    return draw_log_gamma(alpha + 1, draws) + lift;
  }
  const double d = alpha - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = draws.normal(), root = 1 + c * x, u = draws.uniform() + 0x1p-33;
    if (root <= 0) continue;
    const double v = root * root * root;
    if (std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v)) return std::log(d * v);
  }
}

/// A place `center` of a side, and what lies around it.
std::pair<std::int64_t, std::int64_t> around(std::int64_t center, std::int64_t length,
                                             std::int64_t side) {
  return {std::clamp<std::int64_t>(center - length / 2, 0, side),
          std::clamp<std::int64_t>(center + length / 2, 0, side)};
}

void blend(float* a, float* b, std::int64_t count, float share) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float own = a[i], other = b[i];
    a[i] = share * own + (1 - share) * other;
    b[i] = share * other + (1 - share) * own;
  }
}

}  // namespace

double draw_beta(double alpha, Draws& draws) {
  const double a = draw_log_gamma(alpha, draws), b = draw_log_gamma(alpha, draws);
  return 1 / (1 + std::exp(b - a));
}

Mix draw_mix(const AugmentationOptions& options, std::int64_t width, std::int64_t height,
             Draws& draws) {
  // All is drawn whether it is used or not, so that no draw depends on another option.
  const bool mixed = draws.chance(options.mix_probability);
  const bool switched = draws.chance(options.switch_probability);
  if (!mixed || (options.mixup <= 0 && options.cutmix <= 0)) return {};
  const bool cut = options.cutmix > 0 && (options.mixup <= 0 || switched);
  Mix mix{draw_beta(cut ? options.cutmix : options.mixup, draws), std::nullopt};
  if (!cut) return mix;
  const double side = std::sqrt(1 - mix.share);
  const auto part = [&](std::int64_t whole) {
    return static_cast<std::int64_t>(static_cast<double>(whole) * side);
  };
  const std::int64_t center_y = draws.below(height), center_x = draws.below(width);
  const auto [top, bottom] = around(center_y, part(height), height);
  const auto [left, right] = around(center_x, part(width), width);
  mix.box = {left, top, right - left, bottom - top};
  mix.share = 1 - static_cast<double>(mix.box->width * mix.box->height) /
                      static_cast<double>(width * height);
  return mix;
}

void mix(Batch& batch, const Mix& mix, const std::shared_ptr<Memory>& memory) {
  const Shape& shape = batch.images.shape();
  const std::int64_t rows = shape[0], width = shape[2], channels = shape[3];
  const std::int64_t each = batch.images.count() / std::max<std::int64_t>(rows, 1);
  batch.partners = Tensor::empty({rows}, DType::i32, memory);
  batch.shares = Tensor::empty({rows}, DType::f32, memory);
  float* images = batch.images.data<float>();
  const std::int32_t* targets = batch.targets.data<std::int32_t>();
  for (std::int64_t row = 0; row < rows; ++row) {
    batch.partners.data<std::int32_t>()[row] = targets[rows - 1 - row];
    batch.shares.data<float>()[row] = static_cast<float>(mix.share);
  }
  for (std::int64_t row = 0; row < rows / 2; ++row) {
    float *a = images + row * each, *b = images + (rows - 1 - row) * each;
    if (!mix.box) {
      blend(a, b, each, static_cast<float>(mix.share));
      continue;
    }
    for (std::int64_t y = mix.box->y; y < mix.box->y + mix.box->height; ++y) {
      const std::int64_t at = (y * width + mix.box->x) * channels;
      std::swap_ranges(a + at, a + at + mix.box->width * channels, b + at);
    }
  }
}

}  // namespace orchid::data
