#include <cstdlib>

#include "data/image/open.h"
#include "tests/data/collection_fixtures.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace {

using Names = std::vector<std::string>;

Names notes_of(const std::filesystem::path& tar) {
  return open_images(tar, ImagePart::train)->notes();
}

}  // namespace

TEST_CASE("nested tars made in their folder, and in a folder, are read", "[data][image_open]") {
  const TempDir dir;
  write_tree(dir.path() / "tree");
  const auto file = dir.path() / "a.tar";
  const std::string n2 = tarred(dir.path() / "tree/n2", "./") + tar_end();
  const std::string n10 = tarred(dir.path() / "tree/n10", "././") + tar_end();
  for (const std::string around : {"", "./", "ILSVRC/", "./ILSVRC//"}) {
    INFO(around);
    spit(file, tar_member(around + "n2.tar", n2) + tar_member(around + "n10.tar", n10) + tar_end());
    const auto images = open_images(file, ImagePart::train);
    CHECK(pictures(*images) == kTree);
    CHECK(images->notes().empty());
    CHECK(images->name(4).ends_with("n2/1.png"));
  }
  spit(file, tarred(dir.path() / "tree", "pictures/") + tar_end());
  CHECK(pictures(*open_images(file, ImagePart::train)) == kTree);
}

TEST_CASE("hidden files in a tar are no pictures", "[data][image_open]") {
  const TempDir dir;
  write_tree(dir.path() / "tree");
  const auto file = dir.path() / "a.tar";
  const std::string hidden = gray_png(2, 2, 7);
  spit(file, tar_member("./n2/._0.png", hidden) + tarred(dir.path() / "tree", "./") +
                 tar_member("n2/.git/x.png", hidden) + tar_member(".n3/x.png", hidden) +
                 tar_member("._n4.tar", "no tar at all") + tar_end());
  const auto images = open_images(file, ImagePart::train);
  CHECK(pictures(*images) == kTree);
  CHECK(images->notes().empty());
  const std::string inner = tar_member("./._x.png", hidden) + tar_member("./x.png", hidden);
  spit(file, tar_member("n5.tar", inner + tar_end()) + tar_end());
  CHECK(pictures(*open_images(file, ImagePart::train)) == Names{"n5/7"});
}

TEST_CASE("links in a tar are the pictures they stand for, or counted", "[data][image_open]") {
  const TempDir dir;
  const auto file = dir.path() / "a.tar";
  const std::string one = tar_member("n1/one.png", gray_png(2, 2, 1));
  spit(file, one + tar_member("./n1/hard.png", "", '1', "./n1/one.png") +
                 tar_member("n2/soft.png", "", '2', "../n1/one.png") +
                 tar_member("n2/again.png", "", '2', "soft.png") +
                 tar_member(".store/big.png", gray_png(2, 2, 9)) +
                 tar_member("n3/annex.png", "", '2', "../.store/big.png") + tar_end());
  const auto images = open_images(file, ImagePart::train);
  CHECK(pictures(*images) == Names{"n1/1", "n1/1", "n2/1", "n2/1", "n3/9"});
  CHECK(images->notes().empty());
  spit(file, one + tar_member("n1/gone.png", "", '1', "n1/other.png") +
                 tar_member("n1/folder", "", '2', "../n1") +
                 tar_member("n1/outside.png", "", '2', "../../n1/one.png") +
                 tar_member("n1/absolute.png", "", '2', "/n1/one.png") +
                 tar_member("n1/self.png", "", '2', "self.png") + tar_end());
  CHECK(pictures(*open_images(file, ImagePart::train)) == Names{"n1/1"});
  REQUIRE(notes_of(file).size() == 1);
  CHECK(notes_of(file)[0].find("a.tar: 5 links left out") != std::string::npos);
  const std::string inner =
      tar_member("./x.png", gray_png(2, 2, 3)) + tar_member("./y.png", "", '1', "./x.png");
  spit(file, tar_member("n7.tar", inner + tar_end()) + tar_end());
  CHECK(pictures(*open_images(file, ImagePart::train)) == Names{"n7/3", "n7/3"});
}

TEST_CASE("links of the tar program are read in all its formats", "[data][image_open]") {
  if (std::system("tar --version >/dev/null 2>&1") != 0) {
    std::cerr << "SKIPPED: no tar program\n";
    return;
  }
  const TempDir dir;
  const auto tree = dir.path() / "tree";
  const std::string name = std::string(110, 'a') + ".png";  // longer than a field of a head
  spit(tree / "n1" / name, gray_png(2, 2, 4));
  std::filesystem::create_directories(tree / "n2");
  std::filesystem::create_hard_link(tree / "n1" / name, tree / "n2/hard.png");
  std::filesystem::create_symlink("../n1/" + name, tree / "n2/soft.png");
  for (const std::string format : {"gnu", "pax"}) {
    INFO(format);
    const auto tar = dir.path() / "t.tar";
    REQUIRE(std::system(str("tar -C '", tree.string(), "' --format=", format, " -cf '",
                            tar.string(), "' --sort=name .")
                            .c_str()) == 0);
    CHECK(pictures(*open_images(tar, ImagePart::train)) == Names{"n1/4", "n2/4", "n2/4"});
    CHECK(notes_of(tar).empty());
  }
}
