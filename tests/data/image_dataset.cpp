#include <set>

#include "data/image/images.h"
#include "data/image/view.h"
#include "data/loader.h"
#include "tests/data/collection_fixtures.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace {

/// 24 pictures of 40 x 30 in 3 classes, all different.
void write_pictures(const std::filesystem::path& folder) {
  const Image noise = uneven_image(40 + 24, 30);
  for (std::int64_t i = 0; i < 24; ++i) {
    Png png{.width = 40, .height = 30};
    const Image part = crop(noise, i, 0, 40, 30);
    png.samples.assign(part.pixels.begin(), part.pixels.end());
    spit(folder / str("c", i % 3) / str(100 + i, ".png"), png.encode());
  }
}

ImageDataOptions small() {
  ImageDataOptions options;
  options.size = 16;
  options.resize = 20;
  return options;
}

/// All that can be random.
ImageDataOptions everything() {
  ImageDataOptions options = small();
  options.augmentation.crop = CropKind::random_resized;
  options.augmentation.flip = 0.5;
  options.augmentation.randaugment.operations = 2;
  options.augmentation.jitter = {0.4, 0.4, 0.4};
  options.augmentation.erasing = 0.5;
  options.augmentation.mixup = 0.8;
  options.augmentation.cutmix = 1;
  return options;
}

std::vector<float> item(const ImageDataset& dataset, std::int64_t index, std::uint64_t draw) {
  Batch batch = dataset.empty_batch(1, make_host_pool());
  dataset.item(index, draw, batch, 0);
  const float* values = batch.images.data<float>();
  return {values, values + batch.images.count()};
}

/// Values, labels, partners and shares of the next batches.
std::vector<double> loaded(const Dataset& dataset, std::int64_t batches, int threads,
                           std::int64_t first = 0, std::uint64_t seed = 1) {
  LoaderOptions options;
  options.micro_batch = 4;
  options.global_batch = 8;
  options.threads = threads;
  options.start_step = first;
  options.seed = seed;
  Loader loader(dataset, options);
  std::vector<double> all;
  for (std::int64_t i = 0; i < batches; ++i) {
    const Batch batch = loader.next_or_throw();
    for (const Tensor* tensor : {&batch.images, &batch.targets, &batch.partners, &batch.shares})
      if (tensor->defined())
        for (const double value : values_of(*tensor)) all.push_back(value);
  }
  return all;
}

}  // namespace

TEST_CASE("evaluation sees the center of a picture, normalised", "[data][image_dataset]") {
  const TempDir dir;
  write_pictures(dir.path());
  const auto images = open_images(dir.path(), ImagePart::valid);
  const ImageDataset dataset(images, small(), ImageUse::evaluation, 1);
  REQUIRE(dataset.size() == 24);
  const Image expected = evaluation_crop(images->image(5), 20, 16, Filter::bicubic);
  const double mean[] = {0.485, 0.456, 0.406}, deviation[] = {0.229, 0.224, 0.225};
  const auto values = item(dataset, 5, 0);
  REQUIRE(values.size() == 16 * 16 * 3);
  for (std::size_t i = 0; i < values.size(); ++i)
    REQUIRE(values[i] ==
            Approx((expected.pixels[i] / 255.0 - mean[i % 3]) / deviation[i % 3]).margin(1e-5));
  CHECK(item(dataset, 5, 77) == values);  // nothing is random
  CHECK(item(ImageDataset(images, everything(), ImageUse::evaluation, 9), 5, 3) == values);
  ImageDataOptions exact = small();
  exact.resize = 0;
  exact.damaged = DamagedImages::fail;
  require_error(ErrorKind::input_data,
                {"100.png: expected 16 x 16 pixels, got 40 x 30", "`resize`"},
                [&] { item(ImageDataset(images, exact, ImageUse::evaluation, 1), 0, 0); });
}

TEST_CASE("training views depend on seed, epoch and picture alone", "[data][image_dataset]") {
  const TempDir dir;
  write_pictures(dir.path());
  const auto images = open_images(dir.path(), ImagePart::train);
  const ImageDataset dataset(images, everything(), ImageUse::training, 1);
  const auto values = item(dataset, 3, 0);
  CHECK(item(dataset, 3, 0) == values);
  CHECK(item(dataset, 3, 1) != values);
  CHECK(item(dataset, 4, 0) != values);
  CHECK(item(ImageDataset(images, everything(), ImageUse::training, 2), 3, 0) != values);
  // A step that is switched off changes no other: without erasing, values are the view's.
  ImageDataOptions unerased = everything();
  unerased.augmentation.erasing = 0;
  const ImageDataset plain(images, unerased, ImageUse::training, 1);
  int erased = 0;
  for (std::int64_t i = 0; i < 24; ++i) {
    CHECK(plain.view(i, 6) == dataset.view(i, 6));
    const auto a = item(plain, i, 6), b = item(dataset, i, 6);
    std::size_t same = 0;
    for (std::size_t k = 0; k < a.size(); ++k) same += a[k] == b[k];
    CHECK(same * 3 > a.size());  // an erased box is at most a third
    erased += same < a.size();
  }
  CHECK(erased > 4);
  CHECK(erased < 20);
}

TEST_CASE("a training view is made in the order of its definition", "[data][image_dataset]") {
  const TempDir dir;
  write_pictures(dir.path());
  const auto images = open_images(dir.path(), ImagePart::train);
  const ImageDataset dataset(images, everything(), ImageUse::training, 5);
  for (std::int64_t i = 0; i < 24; ++i) {
    Draws draws(5, 2, i);
    draws.begin(0);
    const Part part = draw_crop(40, 30, kCropOptions, draws);
    draws.begin(1);
    const Filter filter = draws.chance(0.5) ? Filter::bicubic : Filter::bilinear;
    Image view =
        resize(crop(images->image(i), part.x, part.y, part.width, part.height), 16, 16, filter);
    draws.begin(2);
    if (draws.chance(0.5)) flip_horizontal(view);
    draws.begin(3);
    for (const AugmentStep& step : draw_randaugment({}, draws)) apply(view, step);
    draws.begin(4);
    for (const AugmentStep& step : draw_jitter({0.4, 0.4, 0.4}, draws)) apply(view, step);
    CHECK(dataset.view(i, 2) == view);
  }
}

TEST_CASE("shifts reach every place within the padding", "[data][image_dataset]") {
  const TempDir dir;
  write_pictures(dir.path());
  const auto images = open_images(dir.path(), ImagePart::train);
  ImageDataOptions options = small();
  options.augmentation.crop = CropKind::shifted;
  options.augmentation.padding = 2;
  const ImageDataset dataset(images, options, ImageUse::training, 5);
  const Image still = evaluation_crop(images->image(0), 20, 16, Filter::bicubic);
  std::set<std::pair<std::int64_t, std::int64_t>> places;
  for (std::uint64_t draw = 0; draw < 300; ++draw) {
    const Image view = dataset.view(0, draw);
    bool found = false;
    for (std::int64_t y = -2; y <= 2; ++y)
      for (std::int64_t x = -2; x <= 2; ++x)
        if (view == shifted(still, x, y)) found = places.insert({x, y}).second || true;
    CHECK(found);
  }
  CHECK(places.size() == 25);
}

TEST_CASE("batches are the same for any threads, and when resumed", "[data][image_dataset]") {
  const TempDir dir;
  write_pictures(dir.path());
  const ImageDataset dataset(open_images(dir.path(), ImagePart::train), everything(),
                             ImageUse::training, 1);
  const auto expected = loaded(dataset, 12, 0);
  CHECK(expected.size() == 12 * (4 * 768 + 12));
  for (const int threads : {1, 3}) CHECK(loaded(dataset, 12, threads) == expected);
  const auto rest = loaded(dataset, 6, 2, 3);
  CHECK(rest == std::vector<double>(expected.begin() + 6 * (4 * 768 + 12), expected.end()));
  CHECK(loaded(dataset, 12, 0, 0, 2) != expected);  // another order
  CHECK(loaded(dataset, 6, 0, 3) != loaded(dataset, 6, 0, 0));
}

TEST_CASE("a pixel of one picture changes that picture alone", "[data][image_dataset]") {
  const TempDir dir;
  write_pictures(dir.path());
  ImageDataOptions options = small();
  options.resize = 16;
  options.size = 12;
  const auto values = [&](std::int64_t index) {
    return item(
        ImageDataset(open_images(dir.path(), ImagePart::train), options, ImageUse::training, 1),
        index, 0);
  };
  std::vector<std::vector<float>> before;
  for (std::int64_t i = 0; i < 24; ++i) before.push_back(values(i));
  const auto file = dir.path() / "c1" / "107.png";  // the third of its class, after 8 of c0
  std::string png = slurp(file);
  png[png.size() / 2 + 60] ^= 64;  // at half of the height and width
  mend_png_checksums(png);
  spit(file, png);
  for (std::int64_t i = 0; i < 24; ++i)
    CHECK((values(i) != before[static_cast<std::size_t>(i)]) == (i == 8 + 2));
}

TEST_CASE("a damaged picture gives its place to the next and is named once",
          "[data][image_dataset]") {
  const TempDir dir;
  write_pictures(dir.path());
  const auto file = dir.path() / "c1" / "107.png";
  spit(file, "broken");
  const auto images = open_images(dir.path(), ImagePart::train);
  ImageDataset dataset(images, everything(), ImageUse::training, 1);
  std::vector<std::string> reported;
  dataset.on_damaged([&](const std::string& line) { reported.push_back(line); });
  const auto expected = loaded(dataset, 20, 0);
  CHECK(loaded(dataset, 20, 3) == expected);
  REQUIRE(dataset.damaged().size() == 1);
  CHECK(reported == dataset.damaged());
  CHECK(reported[0].find("c1/107.png: expected a JPEG or a PNG") != std::string::npos);
  CHECK(reported[0].find("the next takes its place") != std::string::npos);
  Batch batch = dataset.empty_batch(1, make_host_pool());
  dataset.item(10, 0, batch, 0);
  CHECK(batch.targets.data<std::int32_t>()[0] == 1);
  CHECK(dataset.view(10, 0).width == 16);

  ImageDataOptions strict = everything();
  strict.damaged = DamagedImages::fail;
  const ImageDataset fails(images, strict, ImageUse::training, 1);
  require_error(ErrorKind::input_data, {"c1/107.png", "expected a JPEG or a PNG"},
                [&] { fails.view(10, 0); });
  require_error(ErrorKind::input_data, {"loading step", "c1/107.png"},
                [&] { loaded(fails, 20, 2); });
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir.path()))
    if (entry.is_regular_file()) spit(entry.path(), "broken");
  require_error(ErrorKind::input_data, {"24 pictures in a row cannot be read"},
                [&] { dataset.view(0, 0); });
}

TEST_CASE("a truncated picture is used as far as it goes, or refused", "[data][image_dataset]") {
  const TempDir dir;
  const std::string jpeg = slurp(source_dir() / "tests/data/images/ycc444.jpg");
  spit(dir.path() / "c" / "a.jpg", jpeg.substr(0, jpeg.size() - 200));
  const auto images = open_images(dir.path(), ImagePart::train);
  ImageDataOptions options = small();
  const ImageDataset dataset(images, options, ImageUse::training, 1);
  CHECK(dataset.view(0, 0).width == 16);
  REQUIRE(dataset.damaged().size() == 1);
  CHECK(dataset.damaged()[0].find("c/a.jpg: JPEG:") != std::string::npos);
  options.damaged = DamagedImages::fail;
  require_error(ErrorKind::input_data, {"c/a.jpg: JPEG:"},
                [&] { ImageDataset(images, options, ImageUse::training, 1).view(0, 0); });
}

TEST_CASE("a share of the training pictures is held out by a seed", "[data][image_dataset]") {
  const TempDir dir;
  write_pictures(dir.path());
  ImageDataOptions options = small();
  options.train = dir.path().string();
  options.valid_fraction = 0.25;
  const auto names = [](const ImageDataset& dataset) {
    std::set<std::vector<float>> all;
    for (std::int64_t i = 0; i < dataset.size(); ++i) all.insert(item(dataset, i, 0));
    return all;
  };
  const OpenedImages opened = open_image_data(options, 1, true);
  CHECK(opened.train->size() == 18);
  CHECK(opened.valid->size() == 6);
  auto all = names(*opened.train), held = names(*opened.valid);
  const auto first = held;
  all.merge(held);
  CHECK(all.size() == 24);
  CHECK(held.empty());
  CHECK(opened.classes == std::vector<std::string>{"c0", "c1", "c2"});
  const OpenedImages again = open_image_data(options, 2, false);
  CHECK(again.train == nullptr);
  CHECK(names(*again.valid) == first);  // of the split's seed, not the run's
  options.split_seed = 43;
  CHECK(names(*open_image_data(options, 1, false).valid) != first);
  options.valid_fraction = 0.01;
  require_error(ErrorKind::usage, {"valid_fraction: expected some of 24 pictures"},
                [&] { open_image_data(options, 1, false); });
}

TEST_CASE("validation has the labels of training", "[data][image_dataset]") {
  const TempDir dir;
  write_pictures(dir.path() / "a");
  std::filesystem::create_directories(dir.path() / "b");
  std::filesystem::rename(dir.path() / "a/c1", dir.path() / "b/c1");
  ImageDataOptions options = small();
  options.train = (dir.path() / "a").string();
  options.valid = (dir.path() / "b").string();
  require_error(ErrorKind::input_data, {"valid: ", "its class c1 is none of the 2"},
                [&] { open_image_data(options, 1, true); });
  std::filesystem::rename(dir.path() / "a/c2", dir.path() / "b/c2");
  std::filesystem::rename(dir.path() / "b/c1", dir.path() / "a/c1");
  std::filesystem::create_directories(dir.path() / "a/c2");
  spit(dir.path() / "a/c2/x.png", gray_png(40, 30, 3));
  const OpenedImages opened = open_image_data(options, 1, true);
  Batch batch = opened.valid->empty_batch(1, make_host_pool());
  opened.valid->item(0, 0, batch, 0);
  CHECK(batch.targets.data<std::int32_t>()[0] == 2);
  CHECK(open_image_data(options, 1, false, {"x", "c2"}).valid->collection().label(0) == 1);
  options.valid.clear();
  CHECK(open_image_data(options, 1, true).valid == nullptr);
  options.train.clear();
  require_error(ErrorKind::usage, {"train: required, and missing"},
                [&] { open_image_data(options, 1, true); });
}

TEST_CASE("one channel is the brightness", "[data][image_dataset]") {
  const TempDir dir;
  write_idx(dir.path(), "train", 3, 6, 6);
  ImageDataOptions options;
  options.size = 6;
  options.resize = 0;
  options.channels = 1;
  options.mean = {0};
  options.deviation = {1};
  const auto values =
      item(ImageDataset(open_images(dir.path(), ImagePart::train), options, ImageUse::training, 1),
           2, 0);
  REQUIRE(values.size() == 36);
  for (std::size_t p = 0; p < 36; ++p)
    CHECK(values[p] == Approx(static_cast<double>(14 + p) / 255).epsilon(1e-6));
}

TEST_CASE("options of pictures name what is wrong", "[data][image_dataset]") {
  const auto refused = [](const std::vector<std::string>& words, auto&& change) {
    ImageDataOptions options;
    validate(options);
    change(options);
    require_error(ErrorKind::usage, words, [&] { validate(options); });
  };
  using O = ImageDataOptions&;
  refused({"channels: expected 1 or 3, got 2"}, [](O o) { o.channels = 2; });
  refused({"mean: expected 1 numbers"}, [](O o) { o.channels = 1; });
  refused({"deviation: expected above 0, got 0"}, [](O o) { o.deviation[1] = 0; });
  refused({"resize: expected 0, or from the size, 224, to 8192, got 200"},
          [](O o) { o.resize = 200; });
  refused({"filter: expected bilinear | bicubic"}, [](O o) { o.filter = Interpolation::random; });
  refused({"augmentation: flip: expected 0 to 1, got 2"}, [](O o) { o.augmentation.flip = 2; });
  refused({"augmentation: scale: "}, [](O o) { o.augmentation.scale = {0.5, 0.4}; });
  refused({"augmentation: ratio: "}, [](O o) { o.augmentation.ratio = {0, 1}; });
  refused({"augmentation: padding: "}, [](O o) { o.augmentation.padding = 225; });
  refused({"randaugment: magnitude: "}, [](O o) { o.augmentation.randaugment.magnitude = 11; });
  refused({"mixup: expected at least 0"}, [](O o) { o.augmentation.mixup = -1; });
  refused({"repeats: expected 1 to 64"}, [](O o) { o.repeats = 0; });
  refused({"valid_fraction: expected 0 where valid"}, [](O o) {
    o.valid = "x";
    o.valid_fraction = 0.1;
  });
}
