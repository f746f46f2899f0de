#include "data/image/resample.h"
#include "tests/data/image_fixtures.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace {

double weight(Filter filter, double t) {
  t = std::abs(t);
  if (filter == Filter::box) return t < 0.5 ? 1 : 0;
  if (filter == Filter::bilinear) return t < 1 ? 1 - t : 0;
  if (t < 1) return 1.5 * t * t * t - 2.5 * t * t + 1;  // Keys, a = -1/2
  return t < 2 ? -0.5 * t * t * t + 2.5 * t * t - 4 * t + 2 : 0;
}

/// The formula along one line: the weighted mean of all pixels, in double.
double sampled(const std::vector<double>& line, double from, double to, std::int64_t i,
               std::int64_t size, Filter filter) {
  const double scale = (to - from) / static_cast<double>(size), stretch = std::max(scale, 1.0);
  const double center = from + (static_cast<double>(i) + 0.5) * scale;
  double sum = 0, weights = 0;
  for (std::size_t k = 0; k < line.size(); ++k) {
    const double w = weight(filter, (static_cast<double>(k) + 0.5 - center) / stretch);
    sum += w * line[k];
    weights += w;
  }
  return std::clamp(sum / weights, 0.0, 255.0);
}

Image by_formula(const Image& image, const Box& box, std::int64_t width, std::int64_t height,
                 Filter filter) {
  Image rows(width, image.height), out(width, height);
  for (int c = 0; c < 3; ++c) {
    for (std::int64_t y = 0; y < image.height; ++y) {
      std::vector<double> line;
      for (std::int64_t x = 0; x < image.width; ++x) line.push_back(image.row(y)[3 * x + c]);
      for (std::int64_t x = 0; x < width; ++x)
        rows.row(y)[3 * x + c] =
            static_cast<std::uint8_t>(sampled(line, box.left, box.right, x, width, filter) + 0.5);
    }
    for (std::int64_t x = 0; x < width; ++x) {
      std::vector<double> line;
      for (std::int64_t y = 0; y < image.height; ++y) line.push_back(rows.row(y)[3 * x + c]);
      for (std::int64_t y = 0; y < height; ++y)
        out.row(y)[3 * x + c] =
            static_cast<std::uint8_t>(sampled(line, box.top, box.bottom, y, height, filter) + 0.5);
    }
  }
  return out;
}

std::vector<int> reds(const Image& image) {
  std::vector<int> values;
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) values.push_back(image.pixels[i]);
  return values;
}

Image row_of(const std::vector<int>& values) {
  Image image(std::ssize(values), 1);
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<std::uint8_t>(values[i / 3]);
  return image;
}

}  // namespace

TEST_CASE("resizing is the weighted mean of the formula", "[data][image]") {
  struct Case {
    Box box;
    std::int64_t width, height;
  };
  const Image image = uneven_image(53, 38);
  // Sides that are no multiple of the lanes worked on at once, up, down, and down to one pixel.
  for (const auto& [box, width, height] : std::vector<Case>{{{0, 0, 53, 38}, 21, 13},
                                                            {{0, 0, 53, 38}, 101, 80},
                                                            {{0, 0, 53, 38}, 1, 1},
                                                            {{3.3f, 5.1f, 40.2f, 30.9f}, 17, 31},
                                                            {{10, 0, 42, 38}, 32, 19},
                                                            {{5.3f, 0, 53, 38}, 53, 38},
                                                            {{0, 0, 47.3f, 38}, 53, 38},
                                                            {{0, 7.3f, 53, 38}, 53, 38},
                                                            {{0, 7, 53, 8}, 53, 5}})
    for (const Filter filter : {Filter::box, Filter::bilinear, Filter::bicubic}) {
      INFO(enum_name(filter) << " to " << width << " x " << height);
      const Image got = resize(image, box, width, height, filter);
      const Image truth = by_formula(image, box, width, height, filter);
      int most = 0;
      for (std::size_t i = 0; i < got.pixels.size(); ++i)
        most = std::max(most, std::abs(got.pixels[i] - truth.pixels[i]));
      CHECK(most <= 1);
      CHECK(mean_difference(got, truth) < 0.01);  // sums halfway between two values
    }
}

TEST_CASE("resizing by hand", "[data][image]") {
  CHECK(reds(resize(row_of({0, 100}), 4, 1, Filter::bilinear)) == std::vector{0, 25, 75, 100});
  CHECK(reds(resize(row_of({10, 20, 30, 60}), 2, 1, Filter::box)) == std::vector{15, 45});
  // Weights 3, 3, 1 of 7: the filter is twice as wide, and there is nothing beyond the edge.
  CHECK(reds(resize(row_of({0, 70, 140, 210}), 2, 1, Filter::bilinear)) == std::vector{50, 160});
  CHECK(reds(resize(row_of({7, 7, 7, 7, 7}), 3, 1, Filter::bicubic)) == std::vector{7, 7, 7});
  // A cubic overshoots and is cut off.
  CHECK(reds(resize(row_of({0, 0, 255, 255}), 8, 1, Filter::bicubic)) ==
        std::vector{0, 0, 0, 52, 203, 255, 255, 255});
  const Image image = uneven_image(9, 7);
  CHECK(resize(image, 9, 7, Filter::bicubic) == image);
  CHECK(resize(image, {2, 1, 7, 5}, 5, 4, Filter::bilinear) == crop(image, 2, 1, 5, 4));
}

TEST_CASE("crops and flips move pixels", "[data][image]") {
  const Image image = uneven_image(5, 4);
  const Image part = crop(image, 1, 2, 3, 2);
  CHECK(part.width == 3);
  CHECK(part.height == 2);
  CHECK(std::equal(part.row(1), part.row(1) + 9, image.row(3) + 3));
  for (const std::int64_t width : {1, 4, 5}) {
    const Image before = crop(image, 0, 0, width, 4);
    Image after = before;
    flip_horizontal(after);
    for (std::int64_t x = 0; x < width; ++x)
      CHECK(std::equal(after.row(2) + 3 * x, after.row(2) + 3 * x + 3,
                       before.row(2) + 3 * (width - 1 - x)));
  }
}

TEST_CASE("sizes and boxes that cannot be are refused", "[data][image]") {
  const Image image = uneven_image(5, 4);
  const auto refused = [](const std::string& words, auto&& body) {
    require_error(ErrorKind::failure, {words}, body);
  };
  refused("expected a size above 0, got 0 x 3", [&] { resize(image, 0, 3, Filter::box); });
  for (const Box& box : {Box{-1, 0, 5, 4}, Box{0, 0, 5.5f, 4}, Box{2, 0, 2, 4}, Box{0, 3, 5, 2},
                         Box{0, 0, 5, 4.1f}, Box{0, -0.1f, 5, 4}, Box{NAN, 0, 5, 4}})
    refused("expected a box within 5 x 4", [&] { resize(image, box, 3, 3, Filter::box); });
  refused("expected 3 x 1 pixels from (3, 0) within 5 x 4", [&] { crop(image, 3, 0, 3, 1); });
  refused("expected 1 x 5 pixels", [&] { crop(image, 0, 0, 1, 5); });
  refused("from (-1, 0)", [&] { crop(image, -1, 0, 1, 1); });
}
