#include <cmath>

#include "data/image/mix.h"
#include "kernels/core/memory.h"
#include "tests/support/catch.h"

using namespace orchid;
using namespace orchid::data;

namespace {

constexpr std::int64_t kHeight = 9, kWidth = 13, kChannels = 2;

/// Value of row r at place i: 1000 r + i.
Batch numbered(std::int64_t rows) {
  const auto memory = make_host_pool();
  Batch batch;
  batch.images = Tensor::empty({rows, kHeight, kWidth, kChannels}, DType::f32, memory);
  batch.targets = Tensor::empty({rows}, DType::i32, memory);
  const std::int64_t each = kHeight * kWidth * kChannels;
  for (std::int64_t i = 0; i < batch.images.count(); ++i)
    batch.images.data<float>()[i] = static_cast<float>(1000 * (i / each) + i % each);
  for (std::int64_t row = 0; row < rows; ++row)
    batch.targets.data<std::int32_t>()[row] = static_cast<std::int32_t>(10 + row);
  return batch;
}

AugmentationOptions mixing(double mixup, double cutmix) {
  AugmentationOptions options;
  options.mixup = mixup;
  options.cutmix = cutmix;
  return options;
}

}  // namespace

TEST_CASE("shares are drawn from Beta(alpha, alpha)", "[data][image_mix]") {
  constexpr int n = 20000;
  for (const double alpha : {0.2, 0.8, 1.0, 3.0}) {
    double sum = 0, square = 0, below_tenth = 0;
    for (int i = 0; i < n; ++i) {
      Draws draws(4, 0, i);
      const double x = draw_beta(alpha, draws);
      REQUIRE(x >= 0);
      REQUIRE(x <= 1);
      sum += x - 0.5;
      square += (x - 0.5) * (x - 0.5);
      below_tenth += x < 0.1;
    }
    INFO("alpha " << alpha);
    // Moments of Beta(a, a): variance 1 / (4 (2a + 1)), kurtosis 3 - 6 / (2a + 3).
    const double variance = 1 / (4 * (2 * alpha + 1));
    const double fourth = variance * variance * (3 - 6 / (2 * alpha + 3));
    CHECK(std::abs(sum / n) < 3 * std::sqrt(variance / n));
    CHECK(std::abs(square / n - variance) < 3 * std::sqrt((fourth - variance * variance) / n));
    if (alpha == 1) CHECK(std::abs(below_tenth / n - 0.1) < 3 * std::sqrt(0.09 / n));
  }
}

TEST_CASE("mixup and cutmix come as often as they should", "[data][image_mix]") {
  constexpr int n = 10000;
  AugmentationOptions options = mixing(0.8, 1.0);
  options.mix_probability = 0.9;
  options.switch_probability = 0.3;
  int none = 0, boxes = 0, blends = 0;
  for (int i = 0; i < n; ++i) {
    Draws draws(1, 2, i);
    const Mix mix = draw_mix(options, 32, 32, draws);
    (mix.box ? boxes : mix.share < 1 ? blends : none)++;
  }
  const auto fits = [](int count, double p) {
    return std::abs(count - p * n) < 3 * std::sqrt(n * p * (1 - p));
  };
  CHECK(fits(none, 0.1));
  CHECK(fits(boxes, 0.27));
  CHECK(fits(blends, 0.63));
  for (int i = 0; i < 100; ++i) {  // where there is one of both, it is always that
    Draws a(1, 2, i), b(1, 2, i), c(1, 2, i);
    CHECK(!draw_mix(mixing(0.8, 0), 32, 32, a).box);
    CHECK(draw_mix(mixing(0, 1), 32, 32, b).box);
    CHECK(draw_mix(mixing(0, 0), 32, 32, c).share == 1);
  }
}

TEST_CASE("a box of cutmix and its share are those of a loop over pixels", "[data][image_mix]") {
  double shares = 0;
  constexpr int n = 400;
  for (int i = 0; i < n; ++i) {
    Draws draws(7, 0, i), again(7, 0, i);
    const Mix drawn = draw_mix(mixing(0.8, 1.0), kWidth, kHeight, draws);
    again.chance(1);
    const bool cut = again.chance(0.5);
    REQUIRE(drawn.box.has_value() == cut);
    if (!cut) continue;
    const double side = std::sqrt(1 - draw_beta(1.0, again));
    const std::int64_t y0 = again.below(kHeight), x0 = again.below(kWidth);
    const auto half = [&](std::int64_t whole) {
      return static_cast<std::int64_t>(static_cast<double>(whole) * side) / 2;
    };
    Batch batch = numbered(4);
    const Batch before = numbered(4);
    mix(batch, drawn, batch.targets.memory());
    std::int64_t outside = 0;
    bool right = true;
    for (std::int64_t y = 0; y < kHeight; ++y)
      for (std::int64_t x = 0; x < kWidth; ++x) {
        const bool inside = y >= y0 - half(kHeight) && y < y0 + half(kHeight) &&
                            x >= x0 - half(kWidth) && x < x0 + half(kWidth);
        outside += !inside;
        for (std::int64_t row = 0; row < 4; ++row)
          for (std::int64_t c = 0; c < kChannels; ++c) {
            const std::int64_t at = (y * kWidth + x) * kChannels + c;
            const std::int64_t each = kHeight * kWidth * kChannels;
            const std::int64_t from = inside ? 3 - row : row;
            right = right && batch.images.data<float>()[row * each + at] ==
                                 before.images.data<float>()[from * each + at];
          }
      }
    CHECK(right);
    const double share = static_cast<double>(outside) / (kHeight * kWidth);
    for (int row = 0; row < 4; ++row) {
      CHECK(batch.shares.data<float>()[row] == Approx(share).epsilon(1e-6));
      CHECK(batch.partners.data<std::int32_t>()[row] == 10 + 3 - row);
    }
    shares += share;
  }
  CHECK(shares > 0.3 * n / 2);  // boxes of all sizes
  CHECK(shares < 0.9 * n / 2);
}

TEST_CASE("mixup blends each picture with its partner", "[data][image_mix]") {
  for (const std::int64_t rows : {1, 2, 5}) {
    Batch batch = numbered(rows);
    const Batch before = numbered(rows);
    mix(batch, {.share = 0.3, .box = {}}, batch.targets.memory());
    const std::int64_t each = kHeight * kWidth * kChannels;
    const auto* x = before.images.data<float>();
    for (std::int64_t i = 0; i < batch.images.count(); ++i) {
      const std::int64_t partner = (rows - 1 - i / each) * each + i % each;
      const double expected =
          0.3 * static_cast<double>(x[i]) + 0.7 * static_cast<double>(x[partner]);
      REQUIRE(batch.images.data<float>()[i] == Approx(expected).epsilon(1e-5));
    }
    for (std::int64_t row = 0; row < rows; ++row) {
      CHECK(batch.partners.data<std::int32_t>()[row] == 10 + rows - 1 - row);
      CHECK(batch.shares.data<float>()[row] == Approx(0.3));
    }
  }
}
