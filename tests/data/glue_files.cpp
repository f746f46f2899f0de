#include <cmath>
#include <numeric>

#include "data/text/glue.h"
#include "tests/data/fixtures.h"
#include "tests/support/temp_dir.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace fs = std::filesystem;

namespace {

/// The directory that holds the real files of a task, if it is there.
std::optional<fs::path> real(const std::string& directory) {
  const auto found = shared_data("../glue/" + directory);
  if (!found) return std::nullopt;
  return found->parent_path();
}

std::int64_t count_of(const GlueRows& rows, std::int32_t label) {
  return std::count_if(rows.examples.begin(), rows.examples.end(),
                       [&](const TextExample& example) { return example.label == label; });
}

void check_numbered(const GlueRows& rows) {
  for (std::size_t i = 0; i < rows.examples.size(); ++i)
    if (rows.examples[i].id != std::to_string(i)) FAIL("row " << i << ": " << rows.examples[i].id);
}

bool same(const TextExample& a, const TextExample& b) {
  return a.first == b.first && a.second == b.second && a.label == b.label && a.id == b.id;
}

}  // namespace

TEST_CASE("the real GLUE files have the official rows and labels", "[data][glue]") {
  struct Expected {
    std::string task, part;
    std::int64_t rows, ones;  ///< ones: examples of class 1; -1: no labels
  };
  const std::vector<Expected> all{
      {"cola", "train", 8551, 6023},   {"cola", "dev", 1043, 721}, {"cola", "test", 1063, -1},
      {"sst2", "train", 67349, 37569}, {"sst2", "dev", 872, 444},  {"sst2", "test", 1821, -1},
      {"mrpc", "train", 3668, 2474},   {"mrpc", "dev", 408, 279},  {"mrpc", "test", 1725, -1},
      {"rte", "train", 2490, 1241},    {"rte", "dev", 277, 131},   {"rte", "test", 3000, -1},
      {"wnli", "train", 635, 312},     {"wnli", "dev", 71, 31},    {"wnli", "test", 146, -1}};
  for (const auto& [name, part, count, ones] : all) {
    const GlueTask& task = glue_task(name);
    const auto root = real(task.directory);
    if (!root) continue;
    INFO(name << " " << part);
    const GlueRows rows = read_glue(task, *root, part);
    CHECK(std::ssize(rows.examples) == count);
    CHECK(rows.notes.empty());
    CHECK(count_of(rows, -1) == (ones < 0 ? count : 0));
    CHECK(count_of(rows, 1) == std::max<std::int64_t>(ones, 0));
    CHECK(count_of(rows, 0) == (ones < 0 ? 0 : count - ones));
    check_numbered(rows);
  }
}

TEST_CASE("the real texts come out of the columns they stand in", "[data][glue]") {
  const auto first_of = [](const std::string& name, const std::string& part) {
    const GlueTask& task = glue_task(name);
    const auto root = real(task.directory);
    return root ? read_glue(task, *root, part).examples.front() : TextExample{};
  };
  if (!real("")) return;
  CHECK(first_of("cola", "dev").first == "The sailors rode the breeze clear of the rocks.");
  CHECK(first_of("cola", "test").first == "Bill whistled past the house.");
  CHECK(first_of("sst2", "train").first == "hide new secretions from the parental units ");
  CHECK(first_of("sst2", "test").first == "uneasy mishmash of styles and genres .");
  const TextExample mrpc = first_of("mrpc", "dev");
  CHECK(mrpc.first.starts_with("He said the foodservice pie business doesn't"));
  CHECK(mrpc.second ==  // a quote that is never closed
        "\"The foodservice pie business does not fit our long-term growth strategy.");
  CHECK(mrpc.label == 1);
  CHECK(first_of("mrpc", "test").second.starts_with("Current Chief Operating Officer Mike"));
  const TextExample rte = first_of("rte", "train");
  CHECK(rte.first == "No Weapons of Mass Destruction Found in Iraq Yet.");
  CHECK(rte.second == "Weapons of Mass Destruction Found in Iraq.");
  CHECK(rte.label == 1);
  CHECK(first_of("wnli", "train").second == "The carrot had a hole.");
  const TextExample stsb = first_of("stsb", "test");
  CHECK(stsb.first == "A girl is styling her hair.");
  CHECK(stsb.second == "A girl is brushing her hair.");
}

TEST_CASE("the real STS-B has its scores", "[data][glue]") {
  const auto root = real("STS-B");
  if (!root) return;
  const GlueTask& task = glue_task("stsb");
  // Sums over the last column, taken from the files by other means.
  for (const auto& [part, count, sum] : {std::tuple{"train", 5749, 15528.043396825336},
                                         std::tuple{"dev", 1500, 3545.8613333333324}}) {
    const GlueRows rows = read_glue(task, *root, part);
    CHECK(std::ssize(rows.examples) == count);
    CHECK(rows.notes.empty());
    double total = 0;
    for (const TextExample& example : rows.examples) {
      total += static_cast<double>(example.score);
      CHECK(example.label == -1);
    }
    CHECK(std::abs(total - sum) < 1e-3);  // 5749 roundings of at most 2.4e-7
    check_numbered(rows);
  }
  CHECK(read_glue(task, *root, "test").examples.size() == 1379);
}

TEST_CASE("MRPC made from its corpus is the real MRPC", "[data][glue]") {
  const auto root = real("MRPC");
  if (!root) return;
  const TempDir dir;
  fs::create_directory(dir / "MRPC");
  for (const char* file : {"msr_paraphrase_train.txt", "msr_paraphrase_test.txt", "dev_ids.tsv"})
    fs::copy_file(*root / "MRPC" / file, dir / "MRPC" / file);
  for (const char* part : {"train", "dev", "test"}) {
    INFO(part);
    const GlueRows made = read_glue(glue_task("mrpc"), dir.path(), part);
    const GlueRows given = read_glue(glue_task("mrpc"), *root, part);
    REQUIRE(made.examples.size() == given.examples.size());
    // In the same order too.
    CHECK(std::equal(made.examples.begin(), made.examples.end(), given.examples.begin(), same));
    REQUIRE(made.notes.size() == 1);
    CHECK(made.notes[0].find("msr_paraphrase_") != std::string::npos);
  }
}

TEST_CASE("a piece of the real QQP loses its broken row", "[data][glue]") {
  const auto file = shared_data("../glue/QQP_partial/qqp_piece_no_header.tsv");
  if (!file) return;
  const TempDir dir;
  fs::create_directory(dir / "QQP");
  const std::string rows = read_text(*file);
  write_text(dir / "QQP/dev.tsv", rows);
  require_error(ErrorKind::input_data, {"dev.tsv", "line 1", "is_duplicate", "133273, 213221"},
                [&] { read_glue(glue_task("qqp"), dir.path(), "dev"); });
  write_text(dir / "QQP/dev.tsv", "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n" + rows);
  const GlueRows read = read_glue(glue_task("qqp"), dir.path(), "dev");
  CHECK(read.examples.size() == 23496);
  CHECK(count_of(read, 1) == 8747);
  CHECK(count_of(read, 0) == 14749);
  CHECK(read.examples[0].id == "360472");
  REQUIRE(read.notes.size() == 2);
  CHECK(read.notes[0].ends_with("rows skipped, not 6 columns: 1, the first at line 2"));
  CHECK(read.notes[1].ends_with("23496 rows, official 40430"));
}
