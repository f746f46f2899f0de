#include <map>

#include "data/image/decode.h"
#include "tests/data/image_fixtures.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace {

std::string file_text(const std::string& name) {
  return slurp(source_dir() / "tests/data/images" / name);
}

Image smooth_image(std::int64_t width, std::int64_t height, double scale) {
  Image image(width, height);
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c) {
        const double at_x = (static_cast<double>(x) + 0.5) * scale - 0.5;
        const double at_y = (static_cast<double>(y) + 0.5) * scale - 0.5;
        const double value = smooth(0, 0, c) + (smooth(1, 0, c) - smooth(0, 0, c)) * at_x +
                             (smooth(0, 1, c) - smooth(0, 0, c)) * at_y;
        image.row(y)[3 * x + c] = static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0));
      }
  return image;
}

/// A PNG whose samples count up, so that each place has another value.
Png counting_png(int depth, int color, bool interlaced) {
  Png png{.width = 13, .height = 11, .depth = depth, .color = color, .interlaced = interlaced};
  const std::uint32_t most = (1u << depth) - 1;
  for (std::uint32_t i = 0; i < png.width * png.height * png.channels(); ++i)
    png.samples.push_back((i * 2654435761u >> 8) & most);
  if (color == 3)
    for (std::uint32_t i = 0; i < 3 * (most + 1); ++i)
      png.palette += static_cast<char>((i * 37 + 11) & 255);
  return png;
}

/// Channel c of pixel i by the rules of the format: `depth` bits scaled to 8, the palette's color.
int expected_of(const Png& png, std::size_t i, std::size_t c) {
  if (png.color == 3) return static_cast<unsigned char>(png.palette[3 * png.samples[i] + c]);
  const bool gray = png.color == 0 || png.color == 4;
  const std::uint32_t value = png.samples[i * png.channels() + (gray ? 0 : c)];
  return static_cast<int>(png.depth == 16 ? value >> 8 : value * 255 / ((1u << png.depth) - 1));
}

void check_png(const Png& png) {
  INFO("depth " << png.depth << " color " << png.color << " interlaced " << png.interlaced);
  const std::string text = png.encode();
  DecodeNotes notes;
  const Image image = decode_image(bytes_of(text), {.strict = true}, &notes);
  REQUIRE(image.width == png.width);
  REQUIRE(image.height == png.height);
  CHECK(notes.info.format == ImageFormat::png);
  CHECK(notes.damage.empty());
  int wrong = 0;
  for (std::size_t i = 0; i < png.width * png.height; ++i)
    for (std::size_t c = 0; c < 3; ++c) wrong += image.pixels[3 * i + c] != expected_of(png, i, c);
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("JPEGs of every kind show the picture they were made of", "[data][image]") {
  const Image truth = smooth_image(kSmoothWidth, kSmoothHeight, 1);
  for (const std::string name :
       {"ycc444", "ycc422", "ycc420", "progressive", "restarts", "rgb", "cmyk"}) {
    INFO(name);
    const std::string text = file_text(name + ".jpg");
    CHECK(image_info(bytes_of(text)).width == kSmoothWidth);
    DecodeNotes notes;
    const Image image = decode_image(bytes_of(text), {.strict = true}, &notes);
    CHECK(notes.info.height == kSmoothHeight);
    CHECK(mean_difference(image, truth) < 1.5);
  }
}

TEST_CASE("a gray JPEG has three equal channels", "[data][image]") {
  const std::string text = file_text("gray.jpg");
  const Image image = decode_image(bytes_of(text));
  const Image colored = smooth_image(kSmoothWidth, kSmoothHeight, 1);
  Image truth(kSmoothWidth, kSmoothHeight);
  for (std::size_t i = 0; i < truth.pixels.size(); ++i)  // the picture's red channel
    truth.pixels[i] = colored.pixels[i / 3 * 3];
  CHECK(mean_difference(image, truth) < 1);
  for (std::size_t i = 0; i < image.pixels.size(); i += 3)
    REQUIRE((image.pixels[i] == image.pixels[i + 1] && image.pixels[i] == image.pixels[i + 2]));
}

TEST_CASE("black ink darkens: CMYK with ink in all four", "[data][image]") {
  const std::string text = file_text("cmyk_black.jpg");
  Image truth = smooth_image(kSmoothWidth, kSmoothHeight, 1);
  for (auto& value : truth.pixels)
    value = static_cast<std::uint8_t>(value * (255 - 100) / 255.0 + 0.5);
  CHECK(mean_difference(decode_image(bytes_of(text)), truth) < 1.5);
}

TEST_CASE("a JPEG is decoded at the smallest scale that suffices", "[data][image]") {
  struct Case {
    std::int64_t at_least_width, at_least_height, width, height;
  };
  for (const auto& [at_least_width, at_least_height, width, height] :
       std::vector<Case>{{0, 0, 45, 27},
                         {1, 1, 6, 4},
                         {6, 4, 6, 4},
                         {7, 4, 12, 7},
                         {6, 5, 12, 7},
                         {0, 14, 23, 14},
                         {13, 0, 23, 14},
                         {23, 1, 23, 14},
                         {24, 1, 45, 27},
                         {500, 1, 45, 27}}) {
    INFO(at_least_width << " x " << at_least_height);
    const std::string text = file_text("ycc444.jpg");
    DecodeNotes notes;
    const Image image = decode_image(
        bytes_of(text), {.at_least_width = at_least_width, .at_least_height = at_least_height},
        &notes);
    CHECK(image.width == width);
    CHECK(image.height == height);
    CHECK(notes.info.width == 45);
    // n/8 of the size, and the picture the same; its right and lower edges reach into padding.
    const double scale = 8 / std::floor(static_cast<double>(width) * 8 / 45);
    CHECK(mean_difference(image, smooth_image(width, height, scale)) < 6);
  }
}

TEST_CASE("PNGs of every kind have the exact pixels", "[data][image]") {
  const std::map<int, std::vector<int>> depths{
      {0, {1, 2, 4, 8, 16}}, {2, {8, 16}}, {3, {1, 2, 4, 8}}, {4, {8, 16}}, {6, {8, 16}}};
  for (const auto& [color, all] : depths)
    for (const int depth : all)
      for (const bool interlaced : {false, true}) check_png(counting_png(depth, color, interlaced));
}

TEST_CASE("transparency of a PNG changes no color", "[data][image]") {
  Png palette = counting_png(4, 3, false);
  palette.transparency = std::string("\0\x80\xFF", 3);
  check_png(palette);
  Png gray = counting_png(8, 0, false);
  gray.transparency = std::string("\0\x10", 2);
  check_png(gray);
}

TEST_CASE("what a file is, its content says", "[data][image]") {
  const auto refused = [](const std::string& text, const std::vector<std::string>& words) {
    require_error(ErrorKind::input_data, words, [&] { image_info(bytes_of(text)); });
    require_error(ErrorKind::input_data, words, [&] { decode_image(bytes_of(text)); });
  };
  refused("", {"expected a JPEG or a PNG, got an empty file"});
  refused("GIF89a??", {"got a file of 8 bytes that begins 47 49 46 38 39 61 3f 3f"});
  refused("\xFF\xD8", {"got a file of 2 bytes that begins ff d8"});
  refused("\xFF\xD8\xFF\xD9", {"JPEG: "});
  refused("\x89PNG\r\n\x1A\n", {"PNG: the file ends too early"});
}

TEST_CASE("a truncated file is an error or a picture with a note", "[data][image]") {
  const auto check = [](const std::string& whole, const std::string& words) {
    const std::string text = whole.substr(0, whole.size() * 5 / 6);
    DecodeNotes notes;
    const Image image = decode_image(bytes_of(text), {}, &notes);
    CHECK(notes.damage.find(words) != std::string::npos);
    const Image good = decode_image(bytes_of(whole), {}, &notes);
    CHECK(notes.damage.empty());
    CHECK(image.width == good.width);
    CHECK(std::equal(image.pixels.begin(), image.pixels.begin() + 300, good.pixels.begin()));
    CHECK(image != good);
    require_error(ErrorKind::input_data, {words},
                  [&] { decode_image(bytes_of(text), {.strict = true}); });
  };
  check(file_text("ycc444.jpg"), "JPEG: Premature end of JPEG file");
  Png png{.width = 200, .height = 100};
  for (const auto value : uneven_image(200, 100).pixels) png.samples.push_back(value);
  check(png.encode(), "PNG: the file ends too early");
  std::string changed = png.encode();
  changed[changed.size() - 60] ^= 1;
  require_error(ErrorKind::input_data, {"PNG: IDAT: incorrect data check"},
                [&] { decode_image(bytes_of(changed), {.strict = true}); });
}

TEST_CASE("an image of too many pixels is refused by its head", "[data][image]") {
  const Png small = counting_png(8, 2, false);
  require_error(ErrorKind::input_data, {"PNG: 13 x 11 pixels, expected at most 142 in all"},
                [&] { decode_image(bytes_of(small.encode()), {.most_pixels = 142}); });
  CHECK(decode_image(bytes_of(small.encode()), {.most_pixels = 143}).width == 13);

  Png huge{.width = 2000000000, .height = 2000000000};
  huge.height = 0;  // no rows are made
  std::string text = huge.encode();
  text.replace(8, 25,
               png_chunk("IHDR", std::string("\x77\x35\x94\0\x77\x35\x94\0\x08\2\0\0\0", 13)));
  require_error(ErrorKind::input_data, {"PNG: 2000000000 x 2000000000 pixels"},
                [&] { decode_image(bytes_of(text)); });

  std::string jpeg =
      file_text("ycc444.jpg");  // its frame header: FF C0, length, depth, height, width
  const std::size_t frame = jpeg.find("\xFF\xC0");
  REQUIRE(frame != std::string::npos);
  jpeg.replace(frame + 5, 4, std::string("\xFF\0\xFF\0", 4));
  require_error(ErrorKind::input_data, {"JPEG: 65280 x 65280 pixels"},
                [&] { decode_image(bytes_of(jpeg)); });
}
