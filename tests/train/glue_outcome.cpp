#include <cmath>

#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/op_check.h"
#include "tests/support/temp_dir.h"
#include "train/glue/outcome.h"

using namespace orchid::train;
using orchid::test::require_error;
using orchid::test::slurp;
using orchid::test::spit;
using orchid::test::TempDir;

namespace {

GlueRun planned(const std::string& task, std::uint64_t seed, int round, const std::string& start,
                const std::filesystem::path& directory) {
  GlueRun run;
  run.task = task;
  run.seed = seed;
  run.round = round;
  run.start = start;
  run.directory = directory;
  return run;
}

std::string config(const std::string& task, std::uint64_t seed, const std::string& checkpoint) {
  return "{\"name\": \"x\", \"seed\": " + std::to_string(seed) +
         ", \"data\": {\"type\": \"glue\", \"task\": \"" + task +
         "\"}, \"init\": {\"checkpoint\": \"" + checkpoint + "\"}}";
}

}  // namespace

TEST_CASE("a protocol is read back as it was written", "[train][glue]") {
  const TempDir dir, other;
  const std::uint64_t large = 18446744073709551615u;
  GlueOutcome outcome{"orchid \"80m\"", {}, {"first", "second"}};
  outcome.runs = {planned("cola", 19, 1, "random", dir.path() / "cola" / "seed-19"),
                  planned("rte", large, 2, "mnli", other.path() / "rte")};
  outcome.runs[0].completed = true;  // what a run came to is not part of the plan
  write_protocol(dir.path() / "", outcome);
  CHECK(slurp(dir / "glue.json").find("\"directory\": \"cola/seed-19\"") != std::string::npos);
  const GlueOutcome read = read_protocol(dir.path());
  CHECK(read.name == outcome.name);
  CHECK(read.notes == outcome.notes);
  REQUIRE(read.runs.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(read.runs[i].task == outcome.runs[i].task);
    CHECK(read.runs[i].seed == outcome.runs[i].seed);
    CHECK(read.runs[i].round == outcome.runs[i].round);
    CHECK(read.runs[i].start == outcome.runs[i].start);
    CHECK(read.runs[i].directory == outcome.runs[i].directory);
    CHECK_FALSE(read.runs[i].completed);
  }
}

TEST_CASE("an outcome is what the runs' own files say", "[train][glue]") {
  const TempDir dir;
  GlueOutcome plan{"x", {}, {}};
  for (const char* task : {"mnli", "stsb", "cola", "sst2"})
    plan.runs.push_back(planned(task, 19, 1, "pretrained", dir.path() / task));
  write_protocol(dir.path(), plan);
  spit(dir.path() / "mnli/config.json", config("mnli", 19, "runs/mlm"));
  spit(dir.path() / "mnli/summary.json",
       R"({"state": "completed", "step": 24546, "elapsed_s": 12.5, "train_accuracy": 0.9,
           "valid_loss": 0.4, "valid_accuracy": 0.78, "valid_targets": 9815,
           "valid_mismatched_loss": 0.4, "valid_mismatched_accuracy": 0.79,
           "valid_unigram_entropy": 1})");
  spit(dir.path() / "stsb/config.json", config("stsb", 19, "runs/mlm"));
  spit(dir.path() / "stsb/summary.json",
       R"({"state": "interrupted", "step": 7, "elapsed_s": 1, "valid_spearman": null})");
  spit(dir.path() / "cola/config.json", config("cola", 19, "runs/mlm"));

  const GlueOutcome outcome = read_outcome(dir.path());
  REQUIRE(outcome.runs.size() == 4);
  const GlueRun& mnli = outcome.runs[0];
  CHECK(mnli.completed);
  CHECK(mnli.steps == 24546);
  CHECK(mnli.seconds == 12.5);
  CHECK(mnli.metrics.size() == 2);
  CHECK(mnli.metric("accuracy") == 0.78);
  CHECK(mnli.metric("mismatched_accuracy") == 0.79);
  CHECK(std::isnan(mnli.metric("f1")));
  CHECK_FALSE(outcome.runs[1].completed);
  CHECK(outcome.runs[1].steps == 7);
  REQUIRE(outcome.runs[1].metrics.size() == 1);
  CHECK(std::isnan(outcome.runs[1].metrics[0].second));
  CHECK_FALSE(outcome.runs[2].completed);  // has just begun
  CHECK_FALSE(outcome.runs[3].completed);  // has no directory
}

TEST_CASE("an outcome refuses the run of another protocol", "[train][glue]") {
  const TempDir dir;
  write_protocol(dir.path(), {"x", {planned("rte", 19, 2, "mnli", dir.path() / "rte")}, {}});
  const auto expect = [&](const std::string& text, const std::string& part) {
    spit(dir.path() / "rte/config.json", text);
    require_error([&] { read_outcome(dir.path()); }, part);
  };
  expect(config("cola", 19, "c"), "expected task rte and seed 19 as in glue.json, got cola and 19");
  expect(config("rte", 20, "c"), "got rte and 20");
  expect(config("rte", 19, ""), "rte/config.json: init.checkpoint: expected one, as the start in");
  expect("{\"seed\": 19}", "expected an object with data");
  expect("[]", "expected an object, got []");
  spit(dir.path() / "rte/config.json", config("rte", 19, "c"));
  CHECK(read_outcome(dir.path()).runs.size() == 1);
  spit(dir.path() / "rte/summary.json", R"({"state": "completed", "step": -1, "elapsed_s": 1})");
  require_error([&] { read_outcome(dir.path()); },
                "rte/summary.json: step: expected a natural number, got -1");
  spit(dir.path() / "rte/summary.json",
       R"({"state": "completed", "step": 1, "elapsed_s": 1, "valid_accuracy": "good"})");
  require_error([&] { read_outcome(dir.path()); },
                "valid_accuracy: expected a number, got \"good\"");
}

TEST_CASE("a damaged glue.json is refused by what is wrong with it", "[train][glue]") {
  const TempDir dir;
  require_error([&] { read_protocol(dir.path()); },
                "expected the directory of a GLUE protocol, with glue.json");
  const std::string run =
      R"({"task": "rte", "seed": 19, "round": 2, "start": "mnli", "directory": "rte"})";
  const auto expect = [&](const std::string& runs, const std::string& part) {
    spit(dir / "glue.json", "{\"name\": \"x\", \"runs\": " + runs + ", \"notes\": []}");
    require_error([&] { read_protocol(dir.path()); }, "glue.json");
    require_error([&] { read_protocol(dir.path()); }, part);
  };
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = run;
    return "[" + text.replace(run.find(from), from.size(), to) + "]";
  };
  expect("[" + run + "," + run + "]", "runs.1: task rte with seed 19 appears twice");
  expect("3", "runs: expected a list, got 3");
  expect("[3]", "runs.0: expected an object with task, got 3");
  expect(changed("rte", "rat"), "runs.0: expected a task of GLUE");
  expect(changed("19", "-19"), "runs.0: seed: expected a natural number, got -19");
  expect(changed("19", "19.5"), "seed: expected a natural number");
  expect(changed(": 2", ": 3"), "runs.0: round: expected 1 or 2, got 3");
  expect(changed("mnli", "qqp"), "start: expected pretrained | mnli | random; got \"qqp\"");
  expect(changed("\"rte\"}", "5}"), "directory: expected text, got 5");
  spit(dir / "glue.json", "{\"name\": \"x\", \"runs\": []}");
  require_error([&] { read_protocol(dir.path()); }, "expected an object with notes");
  spit(dir / "glue.json", "{\"name\": ");
  require_error([&] { read_protocol(dir.path()); }, "not valid JSON");
}
