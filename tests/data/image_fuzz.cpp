#include "data/image/decode.h"
#include "tests/data/damage.h"
#include "tests/data/image_fixtures.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace {

std::vector<std::string> seeds() {
  std::vector<std::string> files;
  for (const std::string name :
       {"gray", "ycc444", "ycc422", "ycc420", "progressive", "restarts", "rgb", "cmyk"})
    files.push_back(slurp(source_dir() / "tests/data/images" / (name + ".jpg")));
  for (const auto& [depth, color] :
       {std::pair{8, 2}, std::pair{1, 0}, std::pair{16, 6}, std::pair{4, 3}, std::pair{8, 4}})
    for (const bool interlaced : {false, true}) {
      Png png{.width = 19, .height = 11, .depth = depth, .color = color, .interlaced = interlaced};
      for (const auto value : uneven_image(19 * 4, 11).pixels)
        png.samples.push_back(value & ((1u << depth) - 1));
      if (color == 3) png.palette = std::string(48, 'p');
      files.push_back(png.encode());
    }
  return files;
}

}  // namespace

TEST_CASE("no damaged picture brings the decoders down", "[data][image][image_fuzz]") {
  const int inputs = fuzz_inputs(500);
  const auto files = seeds();
  int decoded = 0, noted = 0, refused = 0;
  Dice dice(20);
  for (int i = 0; i < inputs; ++i) {
    const std::string& seed = files[static_cast<std::size_t>(i) % files.size()];
    std::string text = damaged(seed, dice);
    // With right checksums the damage reaches what lies behind them.
    if (seed[1] == 'P' && dice.below(4) > 0) mend_png_checksums(text);
    const DecodeOptions options{.at_least_width = static_cast<std::int64_t>(dice.below(3) * 9),
                                .strict = dice.below(4) == 0,
                                .most_pixels = 1 << 20};
    INFO("input " << i);
    try {
      DecodeNotes notes;
      const Image image = decode_image(bytes_of(text), options, &notes);
      REQUIRE(image.width > 0);
      REQUIRE(image.height > 0);
      REQUIRE(image.width * image.height <= options.most_pixels);
      REQUIRE(std::ssize(image.pixels) == 3 * image.width * image.height);
      REQUIRE((notes.damage.empty() || !options.strict));
      ++decoded;
      noted += !notes.damage.empty();
    } catch (const Error& error) {
      REQUIRE(error.kind() == ErrorKind::input_data);
      ++refused;
    }
  }
  // All three ends are reached: the damage is neither too small nor too great.
  CHECK(decoded - noted > inputs / 20);
  CHECK(noted > inputs / 20);
  CHECK(refused > inputs / 20);
}
