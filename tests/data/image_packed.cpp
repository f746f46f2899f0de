#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

#include "data/image/encode.h"
#include "data/image/images.h"
#include "data/image/packed.h"
#include "data/image/resample.h"
#include "data/loader.h"
#include "tests/data/collection_fixtures.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace {

void require_same(const ImageCollection& a, const ImageCollection& b) {
  REQUIRE(a.size() == b.size());
  CHECK(a.classes() == b.classes());
  for (std::int64_t i = 0; i < a.size(); ++i) {
    const StoredImage x = a.stored(i), y = b.stored(i);
    CHECK(a.label(i) == b.label(i));
    CHECK(x.storage == y.storage);
    CHECK(x.width == y.width);
    CHECK(x.height == y.height);
    CHECK(std::equal(x.bytes.begin(), x.bytes.end(), y.bytes.begin(), y.bytes.end()));
    CHECK(b.name(i).find(a.name(i)) != std::string::npos);
  }
}

std::vector<double> first_batches(const std::filesystem::path& path) {
  ImageDataOptions options;
  options.train = path.string();
  options.size = 8;
  options.resize = 9;
  options.augmentation.crop = CropKind::random_resized;
  options.augmentation.randaugment.operations = 2;
  options.augmentation.cutmix = 1;
  const OpenedImages opened = open_image_data(options, 4, true);
  LoaderOptions loading;
  loading.micro_batch = loading.global_batch = 3;
  Loader loader(*opened.train, loading);
  std::vector<double> all;
  for (int i = 0; i < 6; ++i) {
    const Batch batch = loader.next_or_throw();
    for (const Tensor* tensor : {&batch.images, &batch.targets, &batch.shares})
      for (const double value : values_of(*tensor)) all.push_back(value);
  }
  return all;
}

}  // namespace

TEST_CASE("packed pictures are the pictures, batch for batch", "[data][image_packed]") {
  const TempDir dir;
  write_tree(dir.path() / "tree");
  const auto tree = open_images(dir.path() / "tree", ImagePart::train);
  for (const std::int64_t shard_bytes :
       {std::int64_t{1}, std::int64_t{300}, std::int64_t{1} << 20}) {
    const auto out = dir.path() / str("packed", shard_bytes);
    const PackReport report = pack_images(*tree, {.out = out, .shard_bytes = shard_bytes});
    CHECK(report.pictures == 5);
    CHECK(report.shards == (shard_bytes == 1 ? 5 : shard_bytes == 300 ? 3 : 1));
    CHECK(report.bytes == report.bytes_before);
    const auto packed = open_images(out, ImagePart::valid);
    require_same(*tree, *packed);
    CHECK(packed->kind() == "packed: class folders");
    PackedImages(out).verify();
    CHECK(first_batches(out) == first_batches(dir.path() / "tree"));
  }
  std::filesystem::create_directories(dir.path() / "both");
  std::filesystem::rename(dir.path() / "packed1", dir.path() / "both/train");
  std::filesystem::rename(dir.path() / "packed300", dir.path() / "both/valid");
  CHECK(open_images(dir.path() / "both", ImagePart::train)->size() == 5);
  CHECK(open_images(dir.path() / "both", ImagePart::valid)->size() == 5);
  require_error(ErrorKind::usage, {"both: exists already"},
                [&] { pack_images(*tree, {.out = dir.path() / "both"}); });
}

TEST_CASE("raw pictures are packed raw", "[data][image_packed]") {
  const TempDir dir;
  write_idx(dir.path() / "mnist", "train", 7, 5, 4);
  spit(dir.path() / "cifar/data_batch_1.bin", cifar_record(0) + cifar_record(1));
  for (const char* name : {"mnist", "cifar"}) {
    const auto images = open_images(dir.path() / name, ImagePart::train);
    const auto out = dir.path() / (std::string(name) + ".packed");
    require_error(ErrorKind::usage, {"size: the pictures of", "packed raw", "got 2"},
                  [&] { pack_images(*images, {.out = out, .size = 2}); });
    pack_images(*images, {.out = out});
    require_same(*images, *open_images(out, ImagePart::train));
    CHECK(open_images(out, ImagePart::train)->image(1) == images->image(1));
  }
}

TEST_CASE("larger pictures are packed with the shorter side asked for", "[data][image_packed]") {
  const TempDir dir;
  Image large(60, 40);
  for (std::int64_t y = 0; y < 40; ++y)
    for (std::int64_t x = 0; x < 60; ++x)
      for (int c = 0; c < 3; ++c)
        large.row(y)[3 * x + c] = static_cast<std::uint8_t>(40 + 2 * x + y + 10 * c);
  spit(dir.path() / "tree/a/large.png", encode_png(large));
  CHECK(open_images(dir.path() / "tree", ImagePart::train)->image(0) == large);
  spit(dir.path() / "tree/a/small.png", gray_png(10, 20, 3));
  spit(dir.path() / "tree/b/broken.jpg", "broken");
  const auto tree = open_images(dir.path() / "tree", ImagePart::train);
  std::vector<std::string> packed;
  for (const int threads : {1, 3}) {
    const auto out = dir.path() / str("out", threads);
    const PackReport report =
        pack_images(*tree, {.out = out, .size = 20, .quality = 95, .threads = threads});
    CHECK(report.resized == 1);
    REQUIRE(report.damaged.size() == 1);
    CHECK(report.damaged[0].find("b/broken.jpg: ") != std::string::npos);
    const PackedImages images(out);
    CHECK(images.resized() == 20);
    CHECK(images.quality() == 95);
    const Image image = images.image(0);
    CHECK(image.width == 30);
    CHECK(image.height == 20);
    CHECK(mean_difference(image, resize(large, 30, 20, Filter::bicubic)) < 2);
    CHECK(images.stored(1).bytes.size() == tree->stored(1).bytes.size());
    CHECK(images.stored(2).bytes.size() == 6);
    packed.push_back(slurp(out / "images-00000.bin"));
  }
  CHECK(packed[0] == packed[1]);
}

TEST_CASE("damaged shards of pictures are refused", "[data][image_packed]") {
  const TempDir dir;
  write_tree(dir.path() / "tree");
  const auto out = dir.path() / "out";
  pack_images(*open_images(dir.path() / "tree", ImagePart::train), {.out = out});
  const std::string index = slurp(out / "index.txt"), shard = slurp(out / "images-00000.bin");
  const auto refused = [&](const std::vector<std::string>& words) {
    require_error(ErrorKind::input_data, words, [&] { PackedImages(out).verify(); });
  };
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = index;
    text.replace(text.find(from), from.size(), to);
    spit(out / "index.txt", text);
  };
  changed("orchid-images 1", "orchid-images 2");
  refused({"index.txt: line 1: expected version 1, got 2"});
  changed("storage file", "storage jpeg");
  refused({"line 2: expected file | gray | planes, got \"jpeg\""});
  changed("classes 2", "classes 3");
  refused({"expected \"class\", got \"pictures 5\""});
  changed("pictures 5", "pictures 6");
  refused({"the shards' pictures, 5, do not add up to 6"});
  changed("shard images", "shard ../images");
  refused({"a shard must lie in the folder itself"});
  changed("end\n", "");
  refused({"expected \"end\""});
  spit(out / "index.txt", index);
  spit(out / "images-00000.bin", shard.substr(0, shard.size() - 8));
  refused({"images-00000.bin: expected", "truncated"});
  std::string bad = shard;
  bad[20] ^= 1;
  spit(out / "images-00000.bin", bad);
  refused({"images-00000.bin: damaged: its checksum is not that of the index"});
  spit(out / "images-00000.bin", shard);
  PackedImages(out).verify();
}

TEST_CASE("a killed packing leaves no folder, and the next one tidies up", "[data][image_packed]") {
  const TempDir dir;
  write_tree(dir.path() / "tree");
  const auto tree = open_images(dir.path() / "tree", ImagePart::train);
  const auto out = dir.path() / "out";
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    PackOptions options{.out = out, .threads = 1};
    options.progress = [](double) { raise(SIGKILL); };  // when pictures are written, no index yet
    try {
      pack_images(*tree, options);
    } catch (...) {
    }
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  CHECK(!std::filesystem::exists(out));
  const auto entries = [&] {
    const std::filesystem::directory_iterator all(dir.path());
    return std::distance(begin(all), end(all));
  };
  CHECK(entries() == 2);  // the tree and what was left behind
  pack_images(*tree, {.out = out});
  CHECK(entries() == 2);
  require_same(*tree, *open_images(out, ImagePart::train));
}

TEST_CASE("packing that is told to stop leaves nothing", "[data][image_packed]") {
  const TempDir dir;
  write_idx(dir.path() / "mnist", "train", 200, 5, 4);
  const auto images = open_images(dir.path() / "mnist", ImagePart::train);
  int asked = 0;
  CHECK_THROWS_AS(
      pack_images(*images, {.out = dir.path() / "out", .stop = [&] { return ++asked == 3; }}),
      Interrupted);
  CHECK(asked == 3);
  const auto entries = std::filesystem::directory_iterator(dir.path());
  CHECK(std::distance(begin(entries), end(entries)) == 1);
}
