#include <cstdlib>

#include "data/image/mat.h"
#include "data/image/open.h"
#include "data/io/gzip_writer.h"
#include "tests/data/collection_fixtures.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

TEST_CASE("MNIST's files are pictures in their order, packed or not", "[data][image_open]") {
  const TempDir dir;
  write_idx(dir.path(), "train", 13, 5, 4);
  write_idx(dir.path(), "t10k", 3, 5, 4);
  const auto train = open_images(dir.path(), ImagePart::train);
  CHECK(train->kind() == "MNIST");
  CHECK(train->classes().size() == 10);
  REQUIRE(train->size() == 13);
  CHECK(train->label(12) == 2);
  const Image image = train->image(12);
  CHECK(image.width == 5);
  CHECK(image.height == 4);
  for (std::size_t p = 0; p < 20; ++p)
    for (std::size_t c = 0; c < 3; ++c) CHECK(image.pixels[3 * p + c] == 7 * 12 + p);
  CHECK(open_images(dir.path(), ImagePart::valid)->size() == 3);
  for (const char* name : {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"}) {
    GzipWriter out(dir.path() / (std::string(name) + ".gz"));
    out.write(slurp(dir.path() / name));
    out.commit();
    std::filesystem::remove(dir.path() / name);
  }
  const auto packed = open_images(dir.path(), ImagePart::train);
  CHECK(packed->size() == 13);
  CHECK(packed->image(12) == image);
  CHECK(packed->name(12).ends_with("train-images-idx3-ubyte.gz: picture 12"));
}

TEST_CASE("damaged files of MNIST are refused", "[data][image_open]") {
  const TempDir dir;
  write_idx(dir.path(), "train", 4, 3, 3);
  const auto images = dir.path() / "train-images-idx3-ubyte";
  const auto labels = dir.path() / "train-labels-idx1-ubyte";
  const auto refused = [&](const std::vector<std::string>& words) {
    require_error(ErrorKind::input_data, words, [&] { open_images(dir.path(), ImagePart::train); });
  };
  const std::string whole = slurp(images), classes = slurp(labels);
  spit(images, whole.substr(0, whole.size() - 1));
  refused({"train-images", "expected 52 bytes for 4 of 3 x 3, got 51", "not whole"});
  spit(images, classes);
  refused({"expected an IDX file, got 12 bytes"});
  spit(images, classes + classes);
  refused({"expected the magic number 2051", "got 2049"});
  std::string wide = whole;
  wide[8] = 127;
  spit(images, wide);
  refused({"expected sides of 1 to 16384"});
  spit(images, whole);
  spit(labels, classes.substr(0, 7) + "\3" + classes.substr(8, 3));
  refused({"expected 4 labels", "got 3"});
  std::string high = classes;
  high[9] = 10;
  spit(labels, high);
  refused({"picture 1: expected a label below 10, got 10"});
  std::filesystem::remove(labels);
  refused({"expected train-labels-idx1-ubyte", "found none"});
  require_error(ErrorKind::input_data, {"expected t10k-images-idx3"},
                [&] { open_images(dir.path(), ImagePart::valid); });
  spit(labels.string() + ".gz", "\x1f\x8b\x08 and no more");
  refused({"train-labels-idx1-ubyte.gz", "cannot read"});
}

TEST_CASE("CIFAR-10's batches, binary and pickled, hold the same", "[data][image_open]") {
  const TempDir dir;
  const auto binary = dir.path() / "b", pickled = dir.path() / "p" / "cifar-10-batches-py";
  spit(binary / "data_batch_1.bin", cifar_record(0) + cifar_record(1) + cifar_record(2));
  spit(binary / "data_batch_3.bin", cifar_record(3) + cifar_record(14));
  spit(binary / "test_batch.bin", cifar_record(9));
  spit(pickled / "data_batch_1", pickled_batch(0, 3));
  spit(pickled / "data_batch_3", pickled_batch(3, 1));
  const auto a = open_images(binary, ImagePart::train);
  const auto b = open_images(dir.path() / "p", ImagePart::train);
  REQUIRE(a->size() == 5);
  REQUIRE(b->size() == 4);
  CHECK(a->label(4) == 4);
  for (std::int64_t i = 0; i < 4; ++i) {
    const Image image = a->image(i);
    CHECK(image == b->image(i));
    CHECK(a->label(i) == i);
    CHECK(b->label(i) == i);
    CHECK(image.row(3)[3 * 17 + 2] == 160 + i + 1);  // blue, pixel 3 * 32 + 17
  }
  CHECK(a->name(4).ends_with("data_batch_3.bin: picture 1"));
  CHECK(open_images(binary, ImagePart::valid)->label(0) == 9);
  require_error(ErrorKind::input_data, {"expected test_batch", "found none"},
                [&] { open_images(pickled, ImagePart::valid); });
  spit(binary / "data_batch_2.bin", cifar_record(0) + "x");
  require_error(ErrorKind::input_data,
                {"data_batch_2.bin", "whole records of 3073 bytes", "3074 bytes, 1 too many"},
                [&] { open_images(binary, ImagePart::train); });
  spit(binary / "data_batch_2.bin", "\x0b" + cifar_pixels(0));
  require_error(ErrorKind::input_data, {"picture 0: expected a label below 10, got 11"},
                [&] { open_images(binary, ImagePart::train); });
}

TEST_CASE("a pickle that is not CIFAR-10's is refused and nothing run", "[data][image_open]") {
  const TempDir dir;
  const auto refused = [&](const std::string& pickle, const std::vector<std::string>& words) {
    spit(dir.path() / "test_batch", pickle);
    require_error(ErrorKind::input_data, words, [&] { open_images(dir.path(), ImagePart::valid); });
  };
  const std::string good = pickled_batch(0, 2);
  spit(dir.path() / "test_batch", good);
  CHECK(open_images(dir.path(), ImagePart::valid)->size() == 2);
  refused(
      "\x80\x02"
      "cos\nsystem\nU\x04true\x85R.",
      {"test_batch", "byte 2: it names \"os.system\"", "nothing was executed"});
  refused(
      "\x80\x02"
      "cnumpy\nload\n.",
      {"it names \"numpy.load\""});
  refused("\x80\x04.", {"protocol 2, got 4"});
  refused(
      "\x80\x02"
      "i.",
      {"opcode 105 is no part"});
  refused(good.substr(0, good.size() - 3000), {"expected 6144 bytes more", "the file is cut off"});
  refused("", {"byte 0: expected 1 bytes more"});
  refused("\x80\x02}.", {"expected a dict with \"labels\""});
  refused("\x80\x02]u.", {"expected a mark before it"});
  std::string other = good;
  other.replace(other.find("U\x02u1"), 4,
                "U\x02"
                "f4");
  refused(other, {"expected an array of bytes (u1)"});
  other = good;
  other.replace(other.find("M\x02"), 2, "M\x03");
  refused(other, {"data: expected 3 x 3072 bytes", "got 6144"});
  other = good;
  other[other.find("q\x03(K") + 4] = 10;
  refused(other, {"labels: expected 0 to 9"});
}

TEST_CASE("the truncated batch of CIFAR-10 tells what is missing", "[data][image_open]") {
  const auto folder = shared_image("cifar10_py_truncated");
  if (!folder) return;
  require_error(
      ErrorKind::input_data,
      {"data_batch_2: byte 20213", "expected 30720000 bytes more, got 2863366", "cut off"},
      [&] { open_images(*folder, ImagePart::train); });
}

TEST_CASE("class folders are sorted by name, pictures within them too", "[data][image_open]") {
  const TempDir dir;
  write_tree(dir.path() / "train");
  write_tree(dir.path() / "val");
  spit(dir.path() / "val" / "n2" / "2.jpg", gray_png(3, 3, 22));
  spit(dir.path() / "train" / ".hidden" / "x.png", gray_png(3, 3, 1));
  spit(dir.path() / "train" / "n2" / "readme.txt", "no picture");
  spit(dir.path() / "train" / "top.png", gray_png(3, 3, 1));
  const auto train = open_images(dir.path(), ImagePart::train);
  CHECK(train->classes() == std::vector<std::string>{"n10", "n2"});  // 1 before 2
  CHECK(pictures(*train) == kTree);
  CHECK(train->name(3).ends_with("/train/n2/0.png"));
  REQUIRE(train->notes().size() == 1);
  CHECK(train->notes()[0].find("1 pictures left out: in no class folder") != std::string::npos);
  CHECK(open_images(dir.path(), ImagePart::valid)->size() == 6);
  CHECK(pictures(*open_images(dir.path() / "train", ImagePart::valid)) == kTree);
  std::filesystem::rename(dir.path() / "val", dir.path() / "validation");
  CHECK(open_images(dir.path(), ImagePart::valid)->size() == 6);
  std::filesystem::remove_all(dir.path() / "validation");
  require_error(ErrorKind::input_data, {"expected a folder val beside its train"},
                [&] { open_images(dir.path(), ImagePart::valid); });
}

TEST_CASE("tiny-ImageNet's folders are read, its list of validation too", "[data][image_open]") {
  const TempDir dir;
  write_tree(dir.path() / "flat");
  spit(dir.path() / "train/n2/images/a.png", gray_png(3, 3, 5));
  spit(dir.path() / "train/n2/n2_boxes.txt", "a.png 0 0 3 3");
  spit(dir.path() / "train/n10/images/b.png", gray_png(3, 3, 6));
  spit(dir.path() / "val/images/val_0.png", gray_png(3, 3, 7));
  spit(dir.path() / "val/images/val_1.png", gray_png(3, 3, 8));
  const auto list = dir.path() / "val/val_annotations.txt";
  spit(list, "val_1.png\tn10\t0\t0\t3\t3\nval_0.png\tn2\t0\t0\t3\t3\n");
  CHECK(pictures(*open_images(dir.path(), ImagePart::train)) ==
        std::vector<std::string>{"n10/6", "n2/5"});
  CHECK(pictures(*open_images(dir.path(), ImagePart::valid)) ==
        std::vector<std::string>{"n10/8", "n2/7"});
  spit(dir.path() / "all.tar", tarred(dir.path(), "tiny/"));
  CHECK(pictures(*open_images(dir.path() / "all.tar", ImagePart::valid)) ==
        std::vector<std::string>{"n10/8", "n2/7"});
  const auto refused = [&](const std::string& text, const std::vector<std::string>& words) {
    spit(list, text);
    require_error(ErrorKind::input_data, words, [&] { open_images(dir.path(), ImagePart::valid); });
  };
  refused("val_1.png n10\n", {"val_annotations.txt: expected a line for val_0.png"});
  refused("val_1.png n10\nval_0.png\n", {"line 2: expected a file and its class"});
  refused("val_1.png n10\nval_1.png n2\n", {"line 2: val_1.png has the class n10 above, here n2"});
  refused("\n", {"expected lines of a file and its class, got none"});
  std::filesystem::remove(list);
  require_error(ErrorKind::input_data, {"2 pictures in no class folder", "val_map.txt"},
                [&] { open_images(dir.path(), ImagePart::valid); });
  spit(dir.path() / "val_map.txt", "val_0.png n7\nval_1.png n8\n");  // beside the folder
  CHECK(pictures(*open_images(dir.path(), ImagePart::valid)) ==
        std::vector<std::string>{"n7/7", "n8/8"});
}

TEST_CASE("ImageNet's devkit says the classes of a flat folder", "[data][image_open]") {
  // meta.mat: ids 1 to 4 are n02119789, n02100735, n02110185, n01440764; id 5 is a group.
  const TempDir dir;
  const auto kit = dir.path() / "ILSVRC2012_devkit_t12/data";
  for (std::uint32_t i = 1; i <= 3; ++i)
    spit(dir.path() / str("val/ILSVRC2012_val_0000000", i, ".JPEG"), gray_png(4, 4, i));
  spit(kit / "ILSVRC2012_validation_ground_truth.txt", "4\n1\n2\n3\n");
  for (const char* file : {"meta.mat", "meta_plain.mat"}) {
    spit(kit / "meta.mat", slurp(source_dir() / "tests/data/images" / file));
    const auto images = open_images(dir.path(), ImagePart::valid);
    CHECK(images->classes() ==
          std::vector<std::string>{"n01440764", "n02100735", "n02110185", "n02119789"});
    CHECK(pictures(*images) ==
          std::vector<std::string>{"n01440764/1", "n02100735/3", "n02119789/2"});
  }
  CHECK(read_mat(bytes_of(slurp(kit / "meta.mat"))).at("other").numbers ==
        std::vector<double>{0, 3, 1, 4, 2, 5});  // by columns
  spit(kit / "ILSVRC2012_validation_ground_truth.txt", "4\n5\n");
  require_error(ErrorKind::input_data, {"line 2: expected the id of a class", "got \"5\""},
                [&] { open_images(dir.path(), ImagePart::valid); });
  spit(kit / "ILSVRC2012_validation_ground_truth.txt", "4\n1\n");
  require_error(ErrorKind::input_data, {"a number of 1 to 2", "ILSVRC2012_val_00000003.JPEG"},
                [&] { open_images(dir.path(), ImagePart::valid); });
  const std::string mat = slurp(source_dir() / "tests/data/images/meta_plain.mat");
  spit(kit / "meta.mat", mat.substr(0, 900));
  require_error(ErrorKind::input_data, {"meta.mat: after the head, byte", "the file is not whole"},
                [&] { open_images(dir.path(), ImagePart::valid); });
  spit(kit / "meta.mat", "MATLAB 7.3");
  require_error(ErrorKind::input_data, {"expected a MATLAB 5.0 MAT-file"},
                [&] { open_images(dir.path(), ImagePart::valid); });
}

TEST_CASE("tars are read where they lie: of trees and of tars of classes", "[data][image_open]") {
  const TempDir dir;
  write_tree(dir.path() / "tree");
  const auto file = dir.path() / "a.tar";
  spit(file, tar_member("./n2/", "", '5') + tarred(dir.path() / "tree", "./") + tar_end());
  CHECK(pictures(*open_images(file, ImagePart::train)) == kTree);
  spit(file, tarred(dir.path() / "tree", "imagenet/val/") + tar_end());
  CHECK(pictures(*open_images(file, ImagePart::valid)) == kTree);
  require_error(ErrorKind::input_data, {"a.tar: expected a folder train beside its val"},
                [&] { open_images(file, ImagePart::train); });
  const std::string n2 = tarred(dir.path() / "tree/n2", "") + tar_end();
  const std::string n10 = tarred(dir.path() / "tree/n10", "") + tar_end();
  spit(file, tar_member("n2.tar", n2) + tar_member("n10.tar", n10) + tar_end());
  const auto images = open_images(file, ImagePart::train);
  CHECK(pictures(*images) == kTree);
  CHECK(images->name(4).ends_with("a.tar/n2/1.png"));
  const std::string whole = slurp(file);
  spit(file, whole.substr(0, 2000));
  require_error(ErrorKind::input_data, {"a.tar: byte 0: expected", "bytes of n2.tar, got 1488"},
                [&] { open_images(file, ImagePart::train); });
  std::string changed = whole;
  changed[512 + 3] = 'x';
  spit(file, changed);
  require_error(ErrorKind::input_data, {"a.tar: byte 512: expected the head of a member"},
                [&] { open_images(file, ImagePart::train); });
  spit(file, "no tar");
  require_error(ErrorKind::input_data, {"expected a folder of pictures, a packed folder or a tar"},
                [&] { open_images(file, ImagePart::train); });
}

TEST_CASE("tars of the tar program are read in all its formats", "[data][image_open]") {
  if (std::system("tar --version >/dev/null 2>&1") != 0) {
    std::cerr << "SKIPPED: no tar program\n";
    return;
  }
  const TempDir dir;
  write_tree(dir.path() / "tree");
  const std::string long_name(90, 'l');  // both together too long for a head's first field
  spit(dir.path() / "tree" / long_name / (long_name + ".png"), gray_png(3, 3, 9));
  auto expected = kTree;
  expected.insert(expected.begin(), long_name + "/9");
  for (const std::string format : {"gnu", "pax", "ustar"}) {
    const std::string tar = (dir.path() / "t.tar").string();
    REQUIRE(std::system(str("tar -C '", (dir.path() / "tree").string(), "' --format=", format,
                            " -cf '", tar, "' .")
                            .c_str()) == 0);
    INFO(format);
    CHECK(pictures(*open_images(tar, ImagePart::train)) == expected);
  }
}

TEST_CASE("pictures are brought to other classes by name", "[data][image_open]") {
  const TempDir dir;
  write_tree(dir.path());
  const auto images = open_images(dir.path(), ImagePart::train);
  const auto moved = with_classes(images, {"n1", "n2", "n3", "n10"});
  CHECK(pictures(*moved) == kTree);
  CHECK(moved->label(0) == 3);
  CHECK(moved->label(4) == 1);
  CHECK(with_classes(images, images->classes()) == images);
  require_error(ErrorKind::input_data, {"n2/0.png: its class n2 is none of the 2"}, [&] {
    with_classes(images, {"n1", "n10"});
  });
}

TEST_CASE("the shared pictures open as what they are", "[data][image_open]") {
  struct Expected {
    const char* name;
    std::int64_t train, valid;
    std::size_t classes;
    const char* last;
  };
  for (const Expected& expected : {Expected{"mnist", 60000, 10000, 10, "9"},
                                   Expected{"imagenette224", 1500, 400, 10, "n03888257"},
                                   Expected{"tiny-imagenet-subset", 300, 100, 5, "n04399382"}}) {
    const auto folder = shared_image(expected.name);
    if (!folder) continue;
    INFO(expected.name);
    const auto train = open_images(*folder, ImagePart::train);
    const auto valid = open_images(*folder, ImagePart::valid);
    CHECK(train->size() == expected.train);
    CHECK(valid->size() == expected.valid);
    CHECK(train->classes().size() == expected.classes);
    CHECK(train->classes().back() == expected.last);
    CHECK(valid->classes() == train->classes());
    CHECK(train->notes().empty());
  }
  if (const auto folder = shared_image("cifar10_bin_partial")) {
    const auto train = open_images(*folder, ImagePart::train);
    CHECK(train->size() == 4000 + 932 + 932);
    CHECK(open_images(*folder, ImagePart::valid)->size() == 932);
    CHECK(train->classes()[6] == "frog");
    CHECK(train->label(0) == 6);
    // The same picture as the first row of the sprite, which was published as a PNG.
    if (const auto sprite = shared_image("cifar10_png_sprite/cifar10_batch_0.png")) {
      const std::string png = slurp(*sprite);
      const Image rows = decode_image(bytes_of(png));
      for (std::int64_t i : {0, 1, 999})
        CHECK(train->image(i).pixels == decltype(rows.pixels)(rows.row(i), rows.row(i) + 3 * 1024));
    }
  }
  if (const auto folder = shared_image("mnist")) {
    const auto train = open_images(*folder, ImagePart::train);
    const std::int64_t first[] = {5, 0, 4, 1, 9, 2, 1, 3, 1, 4};  // as published
    for (std::int64_t i = 0; i < 10; ++i) CHECK(train->label(i) == first[i]);
  }
}
