#include <nlohmann/json.hpp>

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
  fails({"data", "pack-images", "digits", "--out", "digits", "--keep"}, 2,
        "digits: exists already");
  fails({"data", "preview", "digits", "--out", "x.png", "--valid"}, 3, "expected t10k-images-idx3");
  fails({"data", "preview", "digits", "--out", "x.png", "--set", "seed=3"}, 2,
        "--set goes with a configuration");
  spit(here / "digits/train-images-idx3-ubyte", "short");
  fails({"data", "bench", "digits"}, 3, "expected an IDX file, got 5 bytes");
}
