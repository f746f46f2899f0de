#include <cstring>
#include <functional>

#include "data/image/listing.h"
#include "data/image/mat.h"
#include "data/image/open.h"
#include "data/image/packed.h"
#include "data/image/pickle.h"
#include "data/image/tar.h"
#include "tests/data/collection_fixtures.h"
#include "tests/data/damage.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace {

class Memory : public ByteSource {
 public:
  explicit Memory(const std::string& text) : text_(text) {}
  std::int64_t size() const override { return std::ssize(text_); }
  void read(std::int64_t offset, std::span<std::byte> to) const override {
    REQUIRE((offset >= 0 && offset + std::ssize(to) <= size()));
    std::memcpy(to.data(), text_.data() + offset, to.size());
  }

 private:
  const std::string& text_;
};

/// Gives every block of a tar that says "ustar" the checksum of its bytes.
void mend_tar_checksums(std::string& tar) {
  for (std::size_t at = 0; at + 512 <= tar.size(); at += 512) {
    if (tar.compare(at + 257, 5, "ustar") != 0) continue;
    std::fill_n(tar.begin() + static_cast<std::ptrdiff_t>(at + 148), 8, ' ');
    unsigned sum = 0;
    for (std::size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(tar[at + i]);
    char digits[8];
    std::snprintf(digits, sizeof digits, "%06o", sum);
    tar.replace(at + 148, 7, std::string(digits, 6) + '\0');
  }
}

/// Reads everything of a collection; pictures themselves may be refused.
void read_all(const ImageCollection& images) {
  for (std::int64_t i = 0; i < images.size(); ++i) {
    const std::int64_t label = images.label(i);
    REQUIRE(label >= 0);
    REQUIRE(label < std::ssize(images.classes()));
    images.name(i);
    images.image(i, {.most_pixels = 1 << 20});
  }
}

/// Damages `seed` again and again and hands it to `read`; most is refused as bad input, some read.
void fuzz(const std::string& seed, std::uint64_t number,
          const std::function<void(std::string& text, Dice& dice)>& read) {
  const int inputs = fuzz_inputs(500);
  Dice dice(number);
  int taken = 0, refused = 0;
  for (int i = 0; i < inputs; ++i) {
    std::string text = damaged(seed, dice);
    INFO("input " << i);
    try {
      read(text, dice);
      ++taken;
    } catch (const Error& error) {
      INFO(error.what());
      REQUIRE(error.kind() == ErrorKind::input_data);
      ++refused;
    }
  }
  CHECK(taken > inputs / 100);
  CHECK(refused > inputs / 10);
}

}  // namespace

TEST_CASE("no damaged pickle brings its reader down", "[data][image_fuzz]") {
  // Few pixels: the damage is to meet the program, not what it carries.
  std::string pickle = pickled_batch(0, 1);
  const std::size_t pixels = pickle.find(cifar_pixels(0));
  pickle.replace(pixels - 4, 4 + 3072, std::string("\x06\0\0\0ABCDEF", 10));
  const std::size_t extents = pickle.find(std::string("M\x01\0M\0\x0c", 6));
  pickle.replace(extents, 6, std::string("M\x02\0M\x03\0", 6));
  REQUIRE(pickled_array(*Pickle(bytes_of(pickle)).value().find("data")).columns == 3);
  fuzz(pickle, 31, [](std::string& text, Dice&) {
    const Pickle read(bytes_of(text));
    const PickleValue* data = read.value().find("data");
    if (!data) return;
    const PickledArray array = pickled_array(*data);
    REQUIRE(std::ssize(array.bytes) == array.rows * array.columns);
  });
}

TEST_CASE("no damaged tar brings its reader down", "[data][image_fuzz]") {
  const std::string inner = tar_member("a.png", gray_png(2, 2, 9)) + tar_end();
  const std::string tar = tar_member(std::string(120, 'd').substr(0, 90), "x", 'L') +
                          tar_member("n1/a.png", gray_png(3, 3, 1)) +
                          tar_member("x", "30 path=n1/some long name.png\n", 'x') +
                          tar_member("n1/b.png", gray_png(3, 3, 2)) + tar_member("n2.tar", inner) +
                          tar_end();
  REQUIRE(tar_members(Memory(tar)).files.size() == 3);
  fuzz(tar, 32, [](std::string& text, Dice& dice) {
    if (dice.below(8) > 0) mend_tar_checksums(text);
    for (const TarMember& member : tar_members(Memory(text)).files) {
      REQUIRE(member.offset >= 512);
      REQUIRE(member.size >= 0);
      REQUIRE(member.size <= std::ssize(text) - member.offset);
    }
  });
}

TEST_CASE("no damaged meta.mat brings its reader down", "[data][image_fuzz]") {
  for (const char* file : {"meta.mat", "meta_plain.mat"}) {
    const std::string mat = slurp(source_dir() / "tests/data/images" / file);
    fuzz(mat, 33, [](std::string& text, Dice&) { read_mat(bytes_of(text)); });
  }
}

TEST_CASE("a meta.mat with a field twice is refused", "[data][image_open]") {
  std::string mat = slurp(source_dir() / "tests/data/images/meta_plain.mat");
  const std::string unused = "words", again = "ILSVRC2012_ID";
  mat.replace(mat.find(unused), again.size(), again);
  const TempDir dir;
  spit(dir.path() / "meta.mat", mat);
  require_error(ErrorKind::input_data, {"synsets: expected fields of as many elements"},
                [&] { read_devkit_classes((dir.path() / "meta.mat").string()); });
}

TEST_CASE("no damaged file of MNIST or CIFAR-10 brings its reader down", "[data][image_fuzz]") {
  const TempDir dir;
  write_idx(dir.path() / "mnist", "train", 3, 4, 4);
  for (const char* name : {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"}) {
    const auto file = dir.path() / "mnist" / name;
    const std::string seed = slurp(file);
    fuzz(seed, 34, [&](std::string& text, Dice&) {
      spit(file, text);
      read_all(*open_images(dir.path() / "mnist", ImagePart::train));
    });
    spit(file, seed);
  }
  fuzz(cifar_record(0) + cifar_record(1), 35, [&](std::string& text, Dice&) {
    spit(dir.path() / "cifar/data_batch_1.bin", text);
    read_all(*open_images(dir.path() / "cifar", ImagePart::train));
  });
}

TEST_CASE("no damaged packed folder brings its reader down", "[data][image_fuzz]") {
  const TempDir dir;
  write_tree(dir.path() / "tree");
  const auto out = dir.path() / "out";
  pack_images(*open_images(dir.path() / "tree", ImagePart::train), {.out = out});
  for (const char* name : {"index.txt", "images-00000.bin"}) {
    const std::string seed = slurp(out / name);
    fuzz(seed, 36, [&](std::string& text, Dice& dice) {
      spit(out / name, text);
      const PackedImages images(out);
      read_all(images);
      if (dice.below(2)) images.verify();
    });
    spit(out / name, seed);
  }
}

TEST_CASE("no damaged list of classes brings its reader down", "[data][image_fuzz]") {
  std::string list;
  for (int i = 0; i < 20; ++i) list += str("val_", i, ".JPEG\tn", i % 7, "\t0\t0\t63\t63\n");
  fuzz(list, 37, [](std::string& text, Dice&) {
    const auto map = PictureClasses::of_lines(text, "list");
    REQUIRE(!map.classes().empty());
    for (int i = 0; i < 20; ++i) map.of(str("val_", i, ".JPEG"));
  });
}
