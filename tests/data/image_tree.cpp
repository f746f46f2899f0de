#include "data/image/open.h"
#include "data/image/packed.h"
#include "tests/data/collection_fixtures.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace {

using Names = std::vector<std::string>;

/// Both parts of a tree, from its folder and from a tar of it, with a folder around or without.
void check_parts(const std::filesystem::path& tree, const Names& train, const Names& valid) {
  const TempDir dir;
  CHECK(pictures(*open_images(tree, ImagePart::train)) == train);
  CHECK(pictures(*open_images(tree, ImagePart::valid)) == valid);
  for (const std::string around : {"", "around/"}) {
    INFO("in a tar, " << around);
    spit(dir.path() / "t.tar", tarred(tree, around) + tar_end());
    CHECK(pictures(*open_images(dir.path() / "t.tar", ImagePart::train)) == train);
    CHECK(pictures(*open_images(dir.path() / "t.tar", ImagePart::valid)) == valid);
  }
}

}  // namespace

TEST_CASE("classes may be called as parts are, and images", "[data][image_open]") {
  const TempDir dir;
  std::uint32_t value = 0;
  Names all;
  for (const char* name : {"images", "train", "val", "valid", "validation"}) {
    spit(dir.path() / "flat" / name / "x.png", gray_png(3, 3, ++value));
    spit(dir.path() / "parts/train" / name / "x.png", gray_png(3, 3, value));
    spit(dir.path() / "parts/val" / name / "x.png", gray_png(3, 3, value));
    spit(dir.path() / "inner/train" / name / "images/x.png", gray_png(3, 3, value));
    spit(dir.path() / "inner/val" / name / "images/x.png", gray_png(3, 3, value));
    all.push_back(str(name, "/", value));
  }
  check_parts(dir.path() / "flat", all, all);
  check_parts(dir.path() / "parts", all, all);
  check_parts(dir.path() / "inner", all, all);
  CHECK(pictures(*open_images(dir.path() / "parts/train", ImagePart::train)) == all);
}

TEST_CASE("a flat folder of validation is a part beside train, not beside classes",
          "[data][image_open]") {
  const TempDir dir;
  const auto tree = dir.path() / "tree";
  spit(tree / "val/a.png", gray_png(3, 3, 1));
  spit(tree / "dog/b.png", gray_png(3, 3, 2));
  check_parts(tree, {"dog/2", "val/1"}, {"dog/2", "val/1"});
  spit(tree / "val/val_map.txt", "a.png dog\n");
  CHECK(pictures(*open_images(tree, ImagePart::valid)) == Names{"dog/1"});
  std::filesystem::remove(tree / "val/val_map.txt");
  spit(tree / "val_map.txt", "a.png cat\n");  // beside it
  CHECK(pictures(*open_images(tree, ImagePart::valid)) == Names{"cat/1"});
  std::filesystem::remove(tree / "val_map.txt");
  std::filesystem::create_directories(tree / "train");
  std::filesystem::rename(tree / "dog", tree / "train/dog");
  CHECK(pictures(*open_images(tree, ImagePart::train)) == Names{"dog/2"});
  require_error(ErrorKind::input_data, {"val: 1 pictures in no class folder"},
                [&] { open_images(tree, ImagePart::valid); });
}

TEST_CASE("a slash at the end of a path changes nothing", "[data][image_open]") {
  const TempDir dir;
  write_tree(dir.path() / "tree");
  const auto with_slash = [&](const char* name) { return dir.path() / name / ""; };
  CHECK(pictures(*open_images(with_slash("tree"), ImagePart::train)) == kTree);
  spit(dir.path() / "flat/val/a.png", gray_png(3, 3, 1));
  spit(dir.path() / "flat/val_map.txt", "a.png dog\n");
  const auto flat = open_images(with_slash("flat/val"), ImagePart::valid);
  CHECK(pictures(*flat) == Names{"dog/1"});
  CHECK(flat->name(0) == (dir.path() / "flat/val/a.png").string());

  const auto tree = open_images(dir.path() / "tree", ImagePart::train);
  pack_images(*tree, {.out = with_slash("new/packed")});
  CHECK(std::filesystem::is_regular_file(dir.path() / "new/packed/index.txt"));
  CHECK(pictures(*open_images(with_slash("new/packed"), ImagePart::train)) == kTree);
  PackedImages(with_slash("new/packed")).verify();
  require_error(ErrorKind::usage, {"exists already"},
                [&] { pack_images(*tree, {.out = with_slash("new/packed")}); });
}

TEST_CASE("links that lead nowhere or to themselves are counted", "[data][image_open]") {
  const TempDir dir;
  write_tree(dir.path() / "tree");
  std::filesystem::create_symlink("self.png", dir.path() / "tree/n2/self.png");
  std::filesystem::create_symlink("nowhere", dir.path() / "tree/n2/gone.png");
  std::filesystem::create_symlink("0.png", dir.path() / "tree/n2/good.png");
  auto expected = kTree;
  expected.push_back("n2/20");
  const auto images = open_images(dir.path() / "tree", ImagePart::train);
  CHECK(pictures(*images) == expected);  // good.png is behind 0.png and 1.png
  REQUIRE(images->notes().size() == 1);
  CHECK(images->notes()[0].find("tree: 2 links left out: they lead nowhere") != std::string::npos);
  std::filesystem::create_symlink("loop", dir.path() / "loop");
  require_error(ErrorKind::input_data, {"loop: no such file or folder"},
                [&] { open_images(dir.path() / "loop", ImagePart::train); });
}
