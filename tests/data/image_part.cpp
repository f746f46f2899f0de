#include "data/image/augment.h"
#include "data/image/images.h"
#include "data/image/view.h"
#include "tests/data/collection_fixtures.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace {

/// How many of some random parts of a JPEG differ from the same part of the whole.
int different_parts(const std::string& text, int parts, std::uint64_t seed) {
  const Image whole = decode_image(bytes_of(text));
  int different = 0;
  for (int i = 0; i < parts; ++i) {
    Draws draws(seed, 0, i);
    Part part = draw_crop(whole.width, whole.height, {0.01, 1, 0.3, 3}, draws);
    if (i == 0) part = {0, 0, whole.width, whole.height};
    if (i == 1) part = {whole.width - 1, whole.height - 1, 1, 1};
    DecodeNotes notes;
    const Image image = decode_image(bytes_of(text), {.part = part}, &notes);
    REQUIRE(notes.scaled_width == whole.width);
    REQUIRE(notes.scaled_height == whole.height);
    different += crop(image, part.x - notes.x, part.y - notes.y, part.width, part.height) !=
                 crop(whole, part.x, part.y, part.width, part.height);
  }
  return different;
}

}  // namespace

TEST_CASE("a part of a JPEG is decoded to the bit as in the whole", "[data][image]") {
  for (const std::string name : {"gray", "ycc444", "ycc422", "ycc420", "progressive", "restarts",
                                 "rgb", "cmyk", "cmyk_black"}) {
    INFO(name);
    CHECK(different_parts(slurp(source_dir() / "tests/data/images" / (name + ".jpg")), 40, 1) == 0);
  }
  if (const auto photos = shared_image("imagenet_samples"))
    for (const auto& entry : std::filesystem::recursive_directory_iterator(*photos))
      if (entry.is_regular_file() && entry.file_size() < 60000) {
        INFO(entry.path());
        CHECK(different_parts(slurp(entry.path()), 6, entry.file_size()) == 0);
      }
}

TEST_CASE("a part of a JPEG spares what is beside and below it", "[data][image]") {
  const std::string text = slurp(source_dir() / "tests/data/images/ycc420.jpg");
  DecodeNotes notes;
  const Image image = decode_image(bytes_of(text), {.part = {30, 2, 8, 4}}, &notes);
  CHECK(image.height == 2 + 4 + 8);
  CHECK(notes.y == 0);
  CHECK(notes.x == 16);  // whole blocks of 16 pixels, and 8 around the part
  CHECK(image.width == 45 - 16);
  require_error(ErrorKind::failure, {"expected a part within 45 x 27, got 8 x 4 from (38, 2)"},
                [&] {
                  decode_image(bytes_of(text), {.part = {38, 2, 8, 4}});
                });
}

TEST_CASE("crops of large photos decoded at a smaller scale look the same", "[data][image]") {
  const auto photos = shared_image("imagenet_samples");
  if (!photos) return;
  const auto images = open_images(*photos, ImagePart::train);
  ImageDataOptions options;
  options.augmentation.crop = CropKind::random_resized;
  options.augmentation.scale = {0.3, 1};
  int scaled = 0, others = 0;
  double sum = 0;
  for (std::int64_t i = 0; i < images->size(); ++i) {
    const StoredImage stored = images->stored(i);
    const ImageInfo info = image_info(stored);
    Draws draws(3, 0, i), again(3, 0, i);
    DecodeNotes notes;
    const Image view = training_view(stored, options, draws, notes);
    again.begin(0);
    const Part part = draw_crop(info.width, info.height, {0.3, 1, 3.0 / 4, 4.0 / 3}, again);
    again.begin(1);
    const Filter filter = again.chance(0.5) ? Filter::bicubic : Filter::bilinear;
    const Image exact =
        resize(crop(images->image(i), part.x, part.y, part.width, part.height), 224, 224, filter);
    if (notes.scaled_width == info.width) {
      ++others;
      CHECK(view == exact);
      continue;
    }
    ++scaled;
    CHECK(part.width >= 2 * 336 - 1);  // half of it is at least one and a half times the size
    CHECK(part.height >= 2 * 336 - 1);
    const double difference = mean_difference(view, exact);
    CHECK(difference < 2);  // as different decoders of JPEG may be
    sum += difference;
  }
  CHECK(others > 40);
  REQUIRE(scaled > 0);
  CHECK(sum / scaled < 1);
}
