#include "data/image/color.h"
#include "data/image/geometry.h"
#include "tests/data/image_fixtures.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace {

/// A row of pixels.
Image row_of(const std::vector<std::array<int, 3>>& pixels) {
  Image image(std::ssize(pixels), 1);
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<std::uint8_t>(pixels[i / 3][i % 3]);
  return image;
}

template <class Change>
void check_change(Image image, const Image& expected, Change&& change) {
  change(image);
  const std::vector<int> got(image.pixels.begin(), image.pixels.end());
  const std::vector<int> truth(expected.pixels.begin(), expected.pixels.end());
  CHECK(got == truth);
}

}  // namespace

TEST_CASE("changes of values by hand", "[data][image]") {
  const Image image = row_of({{10, 20, 128}, {110, 20, 127}, {60, 20, 255}});
  check_change(image, row_of({{245, 235, 127}, {145, 235, 128}, {195, 235, 0}}), invert);
  // 100 values become 255; one value alone stays; 128 values.
  check_change(image, row_of({{0, 20, 1}, {255, 20, 0}, {127, 20, 255}}), auto_contrast);
  check_change(image, row_of({{0, 0, 128}, {64, 0, 64}, {0, 0, 192}}),
               [](Image& i) { posterize(i, 2); });
  check_change(image, row_of({{0, 0, 0}, {0, 0, 0}, {0, 0, 0}}), [](Image& i) { posterize(i, 0); });
  check_change(image, image, [](Image& i) { posterize(i, 8); });
  check_change(image, row_of({{10, 20, 127}, {110, 20, 127}, {60, 20, 0}}),
               [](Image& i) { solarize(i, 128); });
  check_change(image, row_of({{109, 119, 128}, {209, 119, 226}, {159, 119, 255}}),
               [](Image& i) { solarize_add(i, 99); });
  check_change(image, image, [](Image& i) { solarize(i, 256); });
}

TEST_CASE("equalizing counts the pixels below", "[data][image]") {
  // 512 pixels, values 10, 20, 30, 40 in quarters: (512 - 128) / 255 = 1 a step, of which there are
  // as many as pixels below; half a step is 0.
  Image image(512, 1), expected(512, 1);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    image.pixels[i] = static_cast<std::uint8_t>(10 + 10 * (i / 3 % 4));
    expected.pixels[i] = static_cast<std::uint8_t>(std::min<std::size_t>(i / 3 % 4 * 128, 255));
  }
  check_change(image, expected, equalize);
  const Image few = row_of({{1, 2, 3}, {4, 5, 6}});  // less than a pixel a step
  check_change(few, few, equalize);
}

TEST_CASE("factors move values away from a base or to it", "[data][image]") {
  const Image image = row_of({{10, 20, 200}, {100, 100, 100}});
  check_change(image, row_of({{15, 30, 255}, {150, 150, 150}}),
               [](Image& i) { adjust_brightness(i, 1.5f); });
  check_change(image, row_of({{5, 10, 100}, {50, 50, 50}}),
               [](Image& i) { adjust_brightness(i, 0.5f); });
  // Brightness of the first: 2.99 + 11.74 + 22.8 = 37.53, so 38; of the second 100.
  check_change(image, row_of({{24, 29, 119}, {100, 100, 100}}),
               [](Image& i) { adjust_color(i, 0.5f); });
  check_change(image, row_of({{0, 2, 255}, {100, 100, 100}}),
               [](Image& i) { adjust_color(i, 2.0f); });
  // Mean brightness 69.
  check_change(image, row_of({{39, 44, 134}, {84, 84, 84}}),
               [](Image& i) { adjust_contrast(i, 0.5f); });
  check_change(image, row_of({{0, 0, 255}, {131, 131, 131}}),
               [](Image& i) { adjust_contrast(i, 2.0f); });
  for (const auto& change : {adjust_brightness, adjust_color, adjust_contrast, adjust_sharpness})
    check_change(uneven_image(7, 5), uneven_image(7, 5), [&](Image& i) { change(i, 1.0f); });
}

TEST_CASE("sharpness is measured against the mean of neighbours", "[data][image]") {
  Image image(3, 3);
  for (std::size_t i = 0; i < 9; ++i)
    for (std::size_t c = 0; c < 3; ++c) image.pixels[3 * i + c] = static_cast<std::uint8_t>(13 * i);
  image.pixels[3 * 4] = 65;                                                     // red of the center
  const int smooth_red = (13 * (0 + 1 + 2 + 3 + 5 + 6 + 7 + 8) + 5 * 65) / 13;  // 57
  Image softer = image, sharper = image;
  adjust_sharpness(softer, 0.0f);
  adjust_sharpness(sharper, 2.0f);
  Image expected = image;
  expected.pixels[12] = static_cast<std::uint8_t>(smooth_red);
  CHECK(softer == expected);
  expected.pixels[12] = static_cast<std::uint8_t>(65 + (65 - smooth_red));
  CHECK(sharper == expected);
}

TEST_CASE("whole steps and right angles move pixels unchanged", "[data][image]") {
  const Image image = uneven_image(6, 6);
  const Color fill{1, 2, 3};
  for (const Filter filter : {Filter::bilinear, Filter::bicubic}) {
    CHECK(transformed(image, translation(0, 0), filter, fill) == image);
    const Image moved = transformed(image, translation(2, -1), filter, fill);
    const Image turned = transformed(image, rotation(90, 6, 6), filter, fill);
    for (std::int64_t y = 0; y < 6; ++y)
      for (std::int64_t x = 0; x < 6; ++x) {
        const bool inside = x + 2 < 6 && y - 1 >= 0;
        const std::uint8_t* from = inside ? image.row(y - 1) + 3 * (x + 2) : fill.data();
        CHECK(std::equal(from, from + 3, moved.row(y) + 3 * x));
        // Counterclockwise: what was on the right comes to the top.
        const std::uint8_t* source = image.row(x) + 3 * (5 - y);
        CHECK(std::equal(source, source + 3, turned.row(y) + 3 * x));
      }
  }
}

TEST_CASE("between pixels values are interpolated and cut down", "[data][image]") {
  const Image image = row_of({{0, 0, 0}, {100, 100, 101}, {10, 10, 10}, {200, 200, 200}});
  const Image half = transformed(image, translation(0.5, 0), Filter::bilinear, {9, 9, 9});
  CHECK(half == row_of({{50, 50, 50}, {55, 55, 55}, {105, 105, 105}, {9, 9, 9}}));
  // At a half the cubic with a = -1 weighs -1, 5, 5, -1 of 8.
  const Image cubic = transformed(image, translation(0.5, 0), Filter::bicubic, {9, 9, 9});
  const auto at = [](int a, int b, int c, int d) {
    return static_cast<int>(std::clamp((5 * (b + c) - a - d) / 8.0, 0.0, 255.0));
  };
  CHECK(cubic.pixels[0] == at(0, 0, 100, 10));
  CHECK(cubic.pixels[3] == at(0, 100, 10, 200));
  CHECK(cubic.pixels[5] == at(0, 101, 10, 200));
  CHECK(cubic.pixels[6] == at(100, 10, 200, 200));
  const Image away = transformed(image, translation(3.75, 0), Filter::bilinear, {9, 8, 7});
  CHECK(away == row_of({{9, 8, 7}, {9, 8, 7}, {9, 8, 7}, {9, 8, 7}}));
  // Sheared: rows go to the left by the factor times their distance from the upper edge.
  const Image sheared = transformed(image, shear_x(2), Filter::bilinear, {9, 9, 9});
  CHECK(std::equal(sheared.row(0), sheared.row(0) + 9, image.row(0) + 3));
  // A place so little before a whole column that it is rounded to it everywhere but in the first.
  CHECK(transformed(image, translation(-5e-17, 0), Filter::bilinear, {9, 9, 9}) == image);
  for (const double far : {1e300, -1e300, 3e18})
    CHECK(transformed(image, translation(far, 0), Filter::bicubic, {9, 8, 7}) == away);
  require_error(ErrorKind::failure, {"expected bilinear or bicubic, got box"},
                [&] { transformed(image, translation(0, 0), Filter::box, {}); });
}
