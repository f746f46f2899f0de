#include <algorithm>
#include <sstream>

#include <nlohmann/json.hpp>

#include "data/image/decode.h"
#include "data/image/encode.h"
#include "tests/e2e/workspace.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"

using namespace orchid::test;
using Json = nlohmann::json;

namespace {

/// MNIST's form: `count` pictures of 8 x 8.
void write_digits(const std::filesystem::path& folder, int count) {
  const auto number = [](int value) {
    return std::string("\0\0", 2) + '\0' + static_cast<char>(value);
  };
  std::string images = std::string("\0\0\x08\x03", 4) + number(count) + number(8) + number(8);
  std::string labels = std::string("\0\0\x08\x01", 4) + number(count);
  for (int i = 0; i < count; ++i) {
    for (int p = 0; p < 64; ++p) images += static_cast<char>(3 * i + p);
    labels += static_cast<char>(i % 10);
  }
  spit(folder / "train-images-idx3-ubyte", images);
  spit(folder / "train-labels-idx1-ubyte", labels);
}

}  // namespace

TEST_CASE("pictures are packed, inspected, shown and timed", "[e2e][data]") {
  const Workspace here;
  write_digits(here / "digits", 30);
  const ProgramResult packed =
      here.run({"data", "pack-images", "digits", "--out", "packed", "--keep", "--json"});
  INFO(packed.err);
  REQUIRE(packed.exit_code == 0);
  const Json report = Json::parse(packed.out);
  CHECK(report["pictures"] == 30);
  CHECK(report["bytes"] == 30 * 64);
  CHECK(report["classes"] == 10);

  const ProgramResult inspected = here.run({"data", "inspect", "packed", "--json"});
  INFO(inspected.err);
  REQUIRE(inspected.exit_code == 0);
  const Json holds = Json::parse(inspected.out);
  CHECK(holds["pictures"] == 30);
  CHECK(holds["fewest_of_a_class"] == 3);
  CHECK(holds["most_of_a_class"] == 3);

  std::string sheets[2];
  for (const int i : {0, 1}) {
    const ProgramResult shown = here.run({"data", "preview", i == 0 ? "digits" : "packed", "--out",
                                          "sheet.png", "--count", "10", "--json"});
    INFO(shown.err);
    REQUIRE(shown.exit_code == 0);
    const Json cells = Json::parse(shown.out);
    CHECK(cells["pictures"].size() == 10);
    CHECK(cells["columns"] == 4);
    sheets[i] = slurp(here / "sheet.png");
  }
  CHECK(sheets[0].substr(1, 3) == "PNG");
  CHECK(sheets[0] == sheets[1]);

  const ProgramResult timed = here.run({"data", "bench", "packed", "--passes", "1", "--json"});
  INFO(timed.err);
  REQUIRE(timed.exit_code == 0);
  CHECK(Json::parse(timed.out)["images_per_second"] > 0);
}

TEST_CASE("what is wrong with pictures is said, with the right exit code", "[e2e][data]") {
  const Workspace here;
  write_digits(here / "digits", 3);
  const auto fails = [&](std::vector<std::string> words, int code, const std::string& text) {
    const ProgramResult result = here.run(std::move(words));
    INFO(result.err);
    CHECK(result.exit_code == code);
    CHECK(result.err.find(text) != std::string::npos);
  };
  fails({"data", "pack-images", "nowhere", "--out", "x", "--keep"}, 3, "nowhere: no such file");
  fails({"data", "pack-images", "digits", "--out", "x"}, 2, "expected --size N, or --keep");
  fails({"data", "pack-images", "digits", "--out", "x", "--size", "4"}, 2,
        "size: the pictures of MNIST, 8 x 8, are packed raw");
  spit(here / "broken/a/1.jpg", "no picture");
  fails({"data", "preview", "broken", "--out", "x.png"}, 3, "broken/a/1.jpg: ");
  std::filesystem::create_symlink("loop", here / "loop");
  fails({"data", "preview", "loop", "--out", "x.png"}, 3, "loop: no such file or folder");
  fails({"data", "pack-images", "digits", "--out", "digits", "--keep"}, 2,
        "digits: exists already");
  fails({"data", "preview", "digits", "--out", "x.png", "--valid"}, 3, "expected t10k-images-idx3");
  fails({"data", "preview", "digits", "--out", "x.png", "--set", "seed=3"}, 2,
        "--set goes with a configuration");
  spit(here / "digits/train-images-idx3-ubyte", "short");
  fails({"data", "bench", "digits"}, 3, "expected an IDX file, got 5 bytes");
}

TEST_CASE("what is left out, replaced or damaged is said", "[e2e][data]") {
  const Workspace here;
  const std::string good =
      slurp(std::filesystem::path(ORCHID_SOURCE_DIR) / "tests/data/images/rgb.jpg");
  spit(here / "tree/a/0.jpg", "no picture");
  spit(here / "tree/a/1.jpg", good);
  spit(here / "tree/a/2.jpg", "none either");
  spit(here / "tree/top.jpg", good);
  const auto says = [&](std::vector<std::string> words, const std::vector<std::string>& texts) {
    const ProgramResult result = here.run(std::move(words));
    INFO(result.err);
    CHECK(result.exit_code == 0);
    for (const std::string& text : texts) {
      INFO(text);
      CHECK(result.err.find(text) != std::string::npos);
    }
    return result;
  };
  const std::string left_out = "tree: 1 pictures left out: in no class folder";
  says({"data", "preview", "tree", "--out", "sheet.png", "--count", "3"},
       {left_out, "tree/a/0.jpg: ", "tree/a/2.jpg: ", "; the next takes its place"});
  const ProgramResult packed =
      says({"data", "pack-images", "tree", "--size", "8", "--out", "packed/", "--json"},
           {left_out, "tree/a/0.jpg: ", "tree/a/2.jpg: "});
  CHECK(Json::parse(packed.out)["damaged"] == 2);
  says({"data", "bench", "tree", "--passes", "1"}, {left_out});
  says({"data", "inspect", "packed/"}, {});
}

TEST_CASE("small pictures of several sizes are all shown", "[e2e][data]") {
  const Workspace here;
  for (const int side : {1, 7, 33}) {
    orchid::data::Image image(side, side);
    std::fill(image.pixels.begin(), image.pixels.end(), static_cast<std::uint8_t>(5 * side));
    spit(here / ("tree/a/" + std::to_string(side) + ".png"), orchid::data::encode_png(image));
  }
  const ProgramResult shown =
      here.run({"data", "preview", "tree", "--out", "sheet.png", "--count", "3", "--valid"});
  INFO(shown.err);
  REQUIRE(shown.exit_code == 0);
  CHECK(shown.err.empty());
  const std::string png = slurp(here / "sheet.png");
  const orchid::data::Image sheet = orchid::data::decode_image(std::as_bytes(std::span(png)));
  const auto values = [&](int value) {
    return std::count(sheet.pixels.begin(), sheet.pixels.end(), value);
  };
  CHECK(values(5) >= 3 * 33 * 33);  // each cell has at least the size of the largest picture
  CHECK(values(5 * 7) == values(5));
  CHECK(values(5 * 33) == values(5));
}

TEST_CASE("the examples of pack-images, preview and bench work in the repository", "[e2e][data]") {
  for (const std::string verb : {"pack-images", "preview", "bench"}) {
    const Workspace here;
    std::filesystem::create_directories(here / "tests/data");
    std::filesystem::create_directories(here / "configs");
    const std::filesystem::path source(ORCHID_SOURCE_DIR);
    std::filesystem::create_directory_symlink(source / "tests/data/images",
                                              here / "tests/data/images");
    for (const char* folder : {"image", "base"})
      std::filesystem::create_directory_symlink(source / "configs" / folder,
                                                here / (std::string("configs/") + folder));
    std::istringstream help(here.run({"data", verb, "--help"}).out);
    int examples = 0;
    for (std::string line, word; std::getline(help, line);) {
      if (!line.starts_with("  orchid data " + verb)) continue;
      std::istringstream words(line.substr(9));
      std::vector<std::string> arguments;
      while (words >> word) arguments.push_back(word);
      const ProgramResult result = here.run(arguments);
      INFO(line << "\n" << result.err);
      CHECK(result.exit_code == 0);
      ++examples;
    }
    CHECK(examples >= 2);
  }
}
