// Which files `orchid classify-image` answers for.

#include "kernels/core/error.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"
#include "train/classify_images.h"

using namespace orchid;
using namespace orchid::test;
using namespace orchid::train;

namespace {

void require_refused(const std::string& path, const std::string& message) {
  try {
    image_files({path});
    FAIL("expected an error for " << path);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::input_data);
    CHECK(std::string(error.what()).find(message) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("the pictures of folders are found, links that lead nowhere are none",
          "[train][image_files]") {
  const TempDir dir;
  const auto folder = dir.path() / "pictures";
  spit(folder / "sub/b.PNG", "");
  spit(folder / "a.jpg", "");
  spit(folder / "c.txt", "");
  std::filesystem::create_symlink("self.jpg", folder / "self.jpg");
  std::filesystem::create_symlink("nowhere", folder / "sub/gone.jpg");
  std::filesystem::create_symlink("a.jpg", folder / "link.jpg");
  CHECK(image_files({folder.string()}) ==
        std::vector<std::string>{(folder / "a.jpg").string(), (folder / "link.jpg").string(),
                                 (folder / "sub/b.PNG").string()});
  require_refused((folder / "self.jpg").string(), "self.jpg: no such file or folder");
  std::filesystem::create_directories(dir.path() / "dead");
  std::filesystem::create_symlink("self.jpg", dir.path() / "dead/self.jpg");
  require_refused((dir.path() / "dead").string(), "dead: no JPEG or PNG file in it");
}
