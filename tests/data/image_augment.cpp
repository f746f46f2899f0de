#include <map>
#include <numeric>

#include "data/image/augment.h"
#include "data/image/normals.h"
#include "tests/data/image_fixtures.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace {

/// All that is drawn for a sample.
std::vector<double> everything(Draws draws) {
  std::vector<double> all{draws.uniform(), static_cast<double>(draws.below(1000)), draws.normal()};
  draws.begin(1);
  const Part part = draw_crop(500, 375, kCropOptions, draws);
  for (const auto v : {part.x, part.y, part.width, part.height})
    all.push_back(static_cast<double>(v));
  draws.begin(2);
  for (const AugmentStep& step : draw_randaugment({.probability = 1}, draws)) {
    all.push_back(static_cast<double>(step.op));
    all.push_back(step.argument);
  }
  return all;
}

/// Mean and standard deviation.
std::pair<double, double> moments(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double v : values) squares += (v - mean) * (v - mean);
  return {mean, std::sqrt(squares / n)};
}

}  // namespace

TEST_CASE("draws are a function of seed, epoch and index", "[data][image]") {
  const auto base = everything({7, 3, 11});
  CHECK(everything({7, 3, 11}) == base);
  for (const Draws& other : {Draws{8, 3, 11}, Draws{7, 4, 11}, Draws{7, 3, 12}, Draws{7, 4, 10}}) {
    const auto all = everything(other);
    CHECK(all[0] != base[0]);
    CHECK(all[2] != base[2]);
  }
  Draws draws(7, 3, 11), later(7, 3, 11);
  for (int i = 0; i < 100; ++i) draws.uniform();
  draws.begin(5);
  later.begin(5);
  CHECK(draws.uniform() == later.uniform());  // whatever an earlier stage drew
  require_error(ErrorKind::failure, {"got 0"}, [&] { draws.below(0); });
}

TEST_CASE("arguments rise with the magnitude as published", "[data][image]") {
  struct Row {
    AugmentOp op;
    bool down;
    double at_0, at_9, at_10;
  };
  using Op = AugmentOp;
  for (const auto& [op, down, at_0, at_9, at_10] :
       std::vector<Row>{{Op::invert, false, 0, 0, 0},
                        {Op::rotate, false, 0, 27, 30},
                        {Op::rotate, true, 0, -27, -30},
                        {Op::posterize, false, 4, 1, 0},
                        {Op::solarize, false, 256, 26, 0},
                        {Op::solarize_add, true, 0, 99, 110},
                        {Op::color, false, 1, 1.81, 1.9},
                        {Op::contrast, true, 1, 0.19, 0.1},
                        {Op::brightness, false, 1, 1.81, 1.9},
                        {Op::sharpness, true, 1, 0.19, 0.1},
                        {Op::shear_x, false, 0, 0.27, 0.3},
                        {Op::shear_y, true, 0, -0.27, -0.3},
                        {Op::translate_x, false, 0, 0.405, 0.45},
                        {Op::translate_y, true, 0, -0.405, -0.45}}) {
    INFO(enum_name(op));
    CHECK(augment_argument(op, 0, down) == Approx(at_0).margin(1e-12));
    CHECK(augment_argument(op, 9, down) == Approx(at_9).margin(1e-12));
    CHECK(augment_argument(op, 10, down) == Approx(at_10).margin(1e-12));
  }
}

TEST_CASE("RandAugment draws its operations evenly and applies half of them", "[data][image]") {
  constexpr int kSamples = 6000;
  std::map<AugmentOp, int> counts;
  std::vector<double> magnitudes;
  int steps = 0, bicubic = 0, left = 0, turns = 0, none = 0;
  for (int i = 0; i < kSamples; ++i) {
    Draws draws(1, 0, i);
    const auto drawn = draw_randaugment({}, draws);
    none += drawn.empty();
    for (const AugmentStep& step : drawn) {
      ++steps;
      ++counts[step.op];
      bicubic += step.filter == Filter::bicubic;
      const bool moves = step.op == AugmentOp::rotate || step.op >= AugmentOp::shear_x;
      turns += moves;
      left += moves && step.argument > 0;
      if (step.op == AugmentOp::rotate) magnitudes.push_back(std::abs(step.argument) / 3);
    }
  }
  // Within five standard deviations of the binomial.
  const auto near = [](int count, int of, double p) {
    INFO(count << " of " << of << ", expected a share of " << p);
    CHECK(std::abs(count - of * p) < 5 * std::sqrt(of * p * (1 - p)));
  };
  near(steps, 2 * kSamples, 0.5);
  near(none, kSamples, 0.25);
  near(bicubic, steps, 0.5);
  near(left, turns, 0.5);
  CHECK(counts.size() == 15);
  for (const auto& [op, count] : counts) near(count, steps, 1.0 / 15);
  const auto [mean, deviation] = moments(magnitudes);
  CHECK(std::abs(mean - 9) < 0.13);  // normal around 9; hardly any is cut at 10
  CHECK(std::abs(deviation - 0.5) < 0.1);
  CHECK(*std::max_element(magnitudes.begin(), magnitudes.end()) <= 10);
}

TEST_CASE("random crops have the areas and ratios asked for", "[data][image]") {
  std::vector<double> areas, ratios, places;
  for (int i = 0; i < 4000; ++i) {
    Draws draws(2, 1, i);
    const Part part = draw_crop(1000, 1000, kCropOptions, draws);
    REQUIRE((part.x >= 0 && part.y >= 0 && part.width >= 1 && part.height >= 1));
    REQUIRE((part.x + part.width <= 1000 && part.y + part.height <= 1000));
    const auto width = static_cast<double>(part.width), height = static_cast<double>(part.height);
    areas.push_back(width * height / 1e6);
    ratios.push_back(std::log(width / height));
    if (width < 1000) places.push_back(static_cast<double>(part.x) / (1000 - width));
  }
  const auto [least, most] = std::minmax_element(areas.begin(), areas.end());
  CHECK((*least > 0.079 && *least < 0.1));
  CHECK((*most <= 1 && *most > 0.9));
  for (const double ratio : ratios) REQUIRE(std::abs(ratio) < std::log(4.0 / 3) + 0.005);
  CHECK(std::abs(moments(ratios).first) < 0.015);  // symmetric
  CHECK(std::abs(moments(places).first - 0.5) < 0.03);
}

TEST_CASE("where no crop fits, it is the center", "[data][image]") {
  Draws draws(1, 1, 1);
  CHECK(draw_crop(10, 1000, kCropOptions, draws) == Part{0, 493, 10, 13});
  CHECK(draw_crop(1000, 10, kCropOptions, draws) == Part{493, 0, 13, 10});
  CHECK(draw_crop(1, 1, kCropOptions, draws) == Part{0, 0, 1, 1});
  const PartOptions impossible{4, 5, 0.5, 2};
  CHECK(draw_crop(30, 20, impossible, draws) == Part{0, 0, 30, 20});
}

TEST_CASE("random erasing writes noise over one part of a quarter of the images", "[data][image]") {
  int erased = 0;
  std::vector<double> noise;
  for (int i = 0; i < 2000; ++i) {
    Draws draws(3, 0, i);
    const auto part = draw_erasing(64, 48, 0.25, kErasingOptions, draws);
    if (!part) continue;
    ++erased;
    const double share = static_cast<double>(part->width * part->height) / (64 * 48);
    REQUIRE((share > 0.017 && share < 0.35 && part->width < 64 && part->height < 48));
    std::vector<float> values(64 * 48 * 3, 77.0f);
    draws.begin(9);
    erase(values, 64, 3, *part, draws);
    std::int64_t changed = 0, wrong = 0;
    for (std::int64_t at = 0; at < std::ssize(values); ++at) {
      const std::int64_t x = at / 3 % 64 - part->x, y = at / 192 - part->y;
      const bool inside = x >= 0 && x < part->width && y >= 0 && y < part->height;
      const float value = values[static_cast<std::size_t>(at)];
      wrong += (value != 77.0f) != inside;
      changed += inside;
      if (inside && noise.size() < 100000) noise.push_back(value);
    }
    REQUIRE(wrong == 0);
    REQUIRE(changed == 3 * part->width * part->height);
  }
  CHECK(std::abs(erased - 500) < 100);
  const auto [mean, deviation] = moments(noise);
  CHECK(std::abs(mean) < 0.02);
  CHECK(std::abs(deviation - 1) < 0.02);
  for (int i = 0; i < 2000; ++i) {
    Draws draws(3, 0, i);
    const auto part = draw_erasing(40, 40, 1, kErasingOptions, draws);
    REQUIRE((!part || (part->width < 40 && part->height < 40)));
  }
  Draws draws(3, 0, 0);
  CHECK(!draw_erasing(64, 48, 0, kErasingOptions, draws));
  CHECK(!draw_erasing(1, 1, 1, kErasingOptions, draws));
}

TEST_CASE("color jitter draws each factor in its range, in any order", "[data][image]") {
  std::map<AugmentOp, int> first;
  for (int i = 0; i < 300; ++i) {
    Draws draws(4, 0, i);
    const auto steps = draw_jitter({.brightness = 0.4, .contrast = 0.2, .color = 1.5}, draws);
    REQUIRE(steps.size() == 3);
    ++first[steps[0].op];
    for (const auto& [op, argument, filter] : steps) {
      const double strength = op == AugmentOp::brightness ? 0.4
                              : op == AugmentOp::contrast ? 0.2
                                                          : 1.5;
      REQUIRE((argument >= std::max(0.0, 1 - strength) && argument <= 1 + strength));
    }
  }
  CHECK(first.size() == 3);
  for (const auto& [op, count] : first) CHECK(count > 60);
  Draws draws(4, 0, 0);
  CHECK(draw_jitter({}, draws).empty());
  CHECK(draw_jitter({.contrast = 0.1}, draws).size() == 1);
}

TEST_CASE("shifting mirrors at the edges, the outermost pixel included", "[data][image]") {
  const Image image = uneven_image(4, 3);
  const Image moved = shifted(image, -2, 1);
  const std::int64_t columns[] = {1, 0, 0, 1}, rows[] = {1, 2, 2};
  for (std::int64_t y = 0; y < 3; ++y)
    for (std::int64_t x = 0; x < 4; ++x)
      CHECK(std::equal(moved.row(y) + 3 * x, moved.row(y) + 3 * x + 3,
                       image.row(rows[y]) + 3 * columns[x]));
  CHECK(shifted(image, 0, 0) == image);
  require_error(ErrorKind::failure, {"expected at most 4 x 3, got 5, 0"},
                [&] { shifted(image, 5, 0); });
}

TEST_CASE("evaluation takes the center of the resized image", "[data][image]") {
  const Image image = uneven_image(23, 10);
  // The shorter side has its length already: margins (23 - 8) / 2 = 7.5, to the even 8, and 1.
  CHECK(evaluation_crop(image, 10, 8, Filter::bicubic) == crop(image, 8, 1, 8, 8));
  // 20 x 46: margins 15 and 2.
  CHECK(evaluation_crop(image, 20, 16, Filter::bicubic) ==
        crop(resize(image, 46, 20, Filter::bicubic), 15, 2, 16, 16));
  // 10 of 23 to 7 of 16.1: the longer side is rounded down.
  CHECK(evaluation_crop(image, 7, 7, Filter::box) ==
        crop(resize(image, 16, 7, Filter::box), 4, 0, 7, 7));
  require_error(ErrorKind::failure, {"expected a crop of at most 10 pixels, got 11"},
                [&] { evaluation_crop(image, 10, 11, Filter::box); });
  require_error(ErrorKind::input_data, {"expected at most 134217728 pixels", "248 x 16120000"},
                [&] { evaluation_crop(Image(1, 65000), 248, 224, Filter::box); });
}

TEST_CASE("noise is what normal_pair makes of its words", "[data][image]") {
  const Philox random(5, RandomPurpose::augmentation);
  for (const std::size_t count : {1u, 63u, 64u, 5000u}) {
    std::vector<float> out(count);
    fill_normals(random, 77, std::uint64_t{1} << 40, out);
    double worst = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto words = random.words(77, (std::uint64_t{1} << 40) + i / 4);
      const auto pair = normal_pair(words[i % 4 / 2 * 2], words[i % 4 / 2 * 2 + 1]);
      worst = std::max(worst, std::abs(out[i] - pair[i % 2]));
    }
    CHECK(worst < 1e-5);
  }
}

TEST_CASE("values are normalized by channel", "[data][image]") {
  const Image image = uneven_image(3, 2);
  std::vector<float> out(18);
  const double mean[] = {0.485, 0.456, 0.406}, deviation[] = {0.229, 0.224, 0.225};
  const Normalizer normalize(mean, deviation);
  normalize(image, out);
  for (std::size_t i = 0; i < 18; ++i)
    CHECK(
        out[i] ==
        Approx((image.pixels[i] / 255.0 - mean[i % 3]) / deviation[i % 3]).epsilon(0).margin(1e-6));
  require_error(ErrorKind::failure, {"expected room for 18 values, got 17"},
                [&] { normalize(image, std::span(out).first(17)); });
  // One channel: the brightness of a pixel, to half a step.
  const double gray_mean[] = {0.25}, gray_deviation[] = {0.5};
  Normalizer(gray_mean, gray_deviation)(image, std::span(out).first(6));
  for (std::size_t i = 0; i < 6; ++i) {
    const std::uint8_t* rgb = image.pixels.data() + 3 * i;
    const double brightness = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
    CHECK((out[i] * 0.5 + 0.25) * 255 == Approx(brightness).margin(0.51));
  }
}
