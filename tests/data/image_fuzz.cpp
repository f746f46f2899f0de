#include "data/image/decode.h"
#include "kernels/core/philox.h"
#include "tests/data/image_fixtures.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace {

/// Random numbers one after another.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed, RandomPurpose::test) {}
  std::size_t below(std::size_t n) {
    return Philox::below(static_cast<std::uint32_t>(n), random_.words(0, next_++)[0]);
  }

 private:
  Philox random_;
  std::uint64_t next_ = 0;
};

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

/// Changes, takes out, doubles or cuts off bytes, at up to four places.
std::string damaged(std::string text, Dice& dice) {
  for (std::size_t times = 1 + dice.below(4); times > 0 && text.size() > 1; --times) {
    const std::size_t at = dice.below(text.size());
    const std::size_t count = 1 + dice.below(std::min<std::size_t>(text.size() - at, 40));
    switch (dice.below(6)) {
      case 0:
        text[at] = static_cast<char>(dice.below(256));
        break;
      case 1:
        text[at] = static_cast<char>(text[at] ^ (1 << dice.below(8)));
        break;
      case 2:
        text[at] = static_cast<char>(dice.below(2) ? 0xFF : 0);
        break;
      case 3:
        text.erase(at, count);
        break;
      case 4:
        text.insert(at, text.substr(at, count));
        break;
      default:
        text.resize(at);
    }
  }
  return text;
}

}  // namespace

TEST_CASE("no damaged picture brings the decoders down", "[data][image][image_fuzz]") {
  const char* more = std::getenv("ORCHID_FUZZ_INPUTS");
  const int inputs = more ? std::atoi(more) : 500;
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
