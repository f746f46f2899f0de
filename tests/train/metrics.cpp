#include "train/log/metrics.h"

#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

using namespace orchid::train;
using orchid::test::slurp;
using orchid::test::spit;
using orchid::test::TempDir;

namespace {

std::string line(std::int64_t step, const std::string& split, double loss) {
  return to_json(MetricLine{step, split, {{"loss", loss}}}) + "\n";
}

}  // namespace

TEST_CASE("a metric line is one JSON object in the given order", "[train][metrics]") {
  CHECK(to_json(MetricLine{7, "train", {{"loss", 1.5}, {"tokens", 1e7}, {"bad", NAN}}}) ==
        R"({"step":7,"split":"train","loss":1.5,"tokens":10000000,"bad":null})");
}

TEST_CASE("each line is in the file at once", "[train][metrics]") {
  const TempDir dir;
  MetricsFile file(dir / "m", 0);
  file.write({1, "train", {{"loss", 2}}});
  CHECK(slurp(dir / "m") == line(1, "train", 2));
  file.write({2, "valid", {{"loss", 3}}});
  CHECK(slurp(dir / "m") == line(1, "train", 2) + line(2, "valid", 3));
}

TEST_CASE("resuming removes the lines after its step", "[train][metrics]") {
  const TempDir dir;
  const std::string kept = line(5, "train", 1) + line(10, "train", 2) + line(10, "valid", 3);
  spit(dir / "m", kept + line(15, "train", 4) + line(20, "train", 5));
  MetricsFile(dir / "m", 10).write({15, "train", {{"loss", 6}}});
  CHECK(slurp(dir / "m") == kept + line(15, "train", 6));
}

TEST_CASE("an evaluation that is to be repeated loses its line", "[train][metrics]") {
  const TempDir dir;
  const std::string kept = line(5, "valid", 1) + line(10, "train", 2);
  spit(dir / "m", kept + line(10, "valid", 3));
  MetricsFile(dir / "m", 10, true);
  CHECK(slurp(dir / "m") == kept);
  // A run that is judged by more than one set has a line of each.
  spit(dir / "m", kept + line(10, "valid", 3) + line(10, "valid_mismatched", 4));
  MetricsFile(dir / "m", 10, true);
  CHECK(slurp(dir / "m") == kept);
}

TEST_CASE("a line cut short is removed, with all after it", "[train][metrics]") {
  const TempDir dir;
  const std::string kept = line(5, "train", 1);
  for (const char* torn : {"{\"step\":6,\"split\":\"tr", "{\"step\":", "\n", "{}\n", "garbage\n"}) {
    spit(dir / "m", kept + torn);
    MetricsFile(dir / "m", 10);
    CHECK(slurp(dir / "m") == kept);
  }
}
