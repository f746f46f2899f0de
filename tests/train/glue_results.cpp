#include <cmath>

#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/op_check.h"
#include "tests/support/temp_dir.h"
#include "train/config/json.h"
#include "train/glue/report.h"
#include "train/glue/results.h"

using namespace orchid::train;
using orchid::test::require_error;
using orchid::test::slurp;
using orchid::test::spit;
using orchid::test::TempDir;
using Metrics = std::vector<std::pair<std::string, double>>;

namespace {

GlueRun completed(const std::string& task, std::uint64_t seed, const Metrics& metrics) {
  const bool second = task == "rte" || task == "mrpc" || task == "stsb";
  return {.task = task,
          .seed = seed,
          .round = second ? 2 : 1,
          .start = second ? "mnli" : "pretrained",
          .completed = true,
          .metrics = metrics,
          .seconds = 187,
          .steps = 100,
          .directory = "runs/x/" + task + "/seed-" + std::to_string(seed)};
}

/// All eight tasks; several seeds of two.
GlueOutcome whole() {
  return {
      "orchid_80m",
      {completed("cola", 19, {{"accuracy", 0.8}, {"matthews", 0.5}}),
       completed("sst2", 717, {{"accuracy", 0.97}}), completed("sst2", 19, {{"accuracy", 0.90}}),
       completed("sst2", 8364, {{"accuracy", 0.92}}),
       completed("qqp", 19, {{"accuracy", 0.9}, {"f1", 0.86}}),
       completed("qnli", 19, {{"accuracy", 0.85}}),
       completed("mnli", 19, {{"accuracy", 0.80}, {"mismatched_accuracy", 0.82}}),
       completed("rte", 19, {{"accuracy", 0.60}}), completed("rte", 717, {{"accuracy", 0.70}}),
       completed("mrpc", 19, {{"accuracy", 0.84}, {"f1", 0.88}}),
       completed("stsb", 19, {{"pearson", 0.88}, {"spearman", 0.86}})},
      {}};
}

const GlueTaskSummary& task_of(const GlueSummary& summary, const std::string& name) {
  for (const GlueTaskSummary& task : summary.tasks)
    if (task.task == name) return task;
  FAIL("no task " << name);
  return summary.tasks[0];
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("scores of GLUE both ways, by hand", "[train][glue]") {
  const GlueSummary summary = summarise(whole());
  struct Row {
    const char* task;
    double paper, leaderboard;
  };
  // 636 / 8 and 635 / 8.
  for (const Row& row : std::vector<Row>{{"mnli", 81, 81},
                                         {"rte", 65, 65},
                                         {"qnli", 85, 85},
                                         {"qqp", 88, 88},
                                         {"sst2", 93, 93},
                                         {"stsb", 86, 87},
                                         {"cola", 50, 50},
                                         {"mrpc", 88, 86}}) {
    INFO(row.task);
    const GlueTaskSummary& task = task_of(summary, row.task);
    CHECK(task.paper.mean == Approx(row.paper).epsilon(1e-13));
    CHECK(task.leaderboard.mean == Approx(row.leaderboard).epsilon(1e-13));
    CHECK_FALSE(task.marked);
  }
  CHECK(summary.average_name == "GLUE average (8 tasks, dev)");
  CHECK(summary.averaged_tasks == 8);
  CHECK(summary.paper_average == Approx(79.5).epsilon(1e-13));
  CHECK(summary.leaderboard_average == Approx(79.375).epsilon(1e-13));
  CHECK(summary.notes.empty());

  const GlueTaskSummary& sst2 = task_of(summary, "sst2");  // 97, 90, 92
  CHECK(sst2.completed == 3);
  CHECK(sst2.paper.median == Approx(92).epsilon(1e-13));
  REQUIRE(sst2.paper.deviation);
  CHECK(*sst2.paper.deviation == Approx(std::sqrt(13)).epsilon(1e-12));
  CHECK(sst2.runs[1].paper == Approx(90).epsilon(1e-13));
  const GlueTaskSummary& rte = task_of(summary, "rte");  // 60, 70
  CHECK(rte.paper.median == Approx(65).epsilon(1e-13));
  CHECK(*rte.leaderboard.deviation == Approx(std::sqrt(50)).epsilon(1e-12));
  CHECK_FALSE(task_of(summary, "cola").paper.deviation);
}

TEST_CASE("fewer tasks than GLUE's eight are not called GLUE", "[train][glue]") {
  GlueOutcome outcome = whole();
  std::erase_if(outcome.runs, [](const GlueRun& run) { return run.task == "qqp"; });
  outcome.runs.push_back(completed("wnli", 19, {{"accuracy", 0.1}}));
  const GlueSummary summary = summarise(outcome);
  CHECK(summary.average_name == "mean of 7 tasks");
  CHECK(summary.paper_average == Approx(548.0 / 7).epsilon(1e-13));
  CHECK(summary.tasks.back().task == "wnli");
  CHECK(summary.tasks.back().paper.mean == Approx(10).epsilon(1e-13));
  CHECK(summary.notes == std::vector<std::string>{"WNLI is in no average"});
  CHECK_FALSE(contains(results_text(summary), "GLUE average"));

  CHECK(summarise({"x", {completed("cola", 1, {{"matthews", 0.5}})}, {}}).average_name ==
        "mean of 1 task");
  const GlueSummary nothing = summarise({"x", {}, {}});
  CHECK(nothing.average_name == "mean of 0 tasks");
  CHECK(std::isnan(nothing.paper_average));
  require_error(
      [] {
        summarise({"x", {completed("ax", 1, {})}, {}});
      },
      "expected a task of GLUE, mnli | rte | qnli");
}

TEST_CASE("a run of the second round that did not begin from MNLI is marked", "[train][glue]") {
  GlueOutcome outcome = whole();
  CHECK_FALSE(contains(results_text(summarise(outcome)), "*"));
  for (GlueRun& run : outcome.runs) {
    if (run.task == "rte" && run.seed == 717) run.start = "pretrained";
    if (run.task == "cola") run.start = "random";  // of the first round
  }
  const GlueSummary summary = summarise(outcome);
  CHECK(task_of(summary, "rte").marked);
  CHECK_FALSE(task_of(summary, "rte").runs[0].marked);
  CHECK(task_of(summary, "rte").runs[1].marked);
  CHECK_FALSE(task_of(summary, "cola").marked);
  const std::string text = results_text(summary);
  CHECK(contains(text, "\nRTE*   accuracy"));
  CHECK(contains(text, "\nRTE      19      2  mnli"));
  CHECK(contains(text, "\nRTE*    717      2  pretrained"));
  CHECK(contains(text, "\n* did not start from the weights of MNLI"));
  CHECK(contains(results_markdown(summary), "\n\\* did not start from the weights of MNLI"));
}

TEST_CASE("a figure that is no number spoils its means, and a note says so", "[train][glue]") {
  GlueOutcome outcome = whole();
  outcome.runs.push_back(completed("stsb", 717, {{"pearson", 0.5}, {"spearman", NAN}}));
  outcome.runs.push_back(completed("mrpc", 717, {{"f1", 0.9}}));  // no accuracy
  const GlueSummary summary = summarise(outcome);
  const GlueTaskSummary& stsb = task_of(summary, "stsb");
  CHECK(stsb.completed == 2);
  CHECK(std::isnan(stsb.paper.mean));
  CHECK(std::isnan(stsb.paper.median));
  REQUIRE(stsb.paper.deviation);
  CHECK(std::isnan(*stsb.paper.deviation));
  CHECK(std::isnan(stsb.leaderboard.mean));
  CHECK(stsb.runs[0].paper == Approx(86).epsilon(1e-13));
  CHECK(task_of(summary, "mrpc").paper.mean == Approx(89).epsilon(1e-13));
  CHECK(std::isnan(task_of(summary, "mrpc").leaderboard.mean));
  CHECK(std::isnan(summary.paper_average));
  CHECK(summary.averaged_tasks == 8);
  CHECK(summary.notes ==
        std::vector<std::string>{
            "STS-B, seed 717: no value of Spearman; means it would be part of are shown as -",
            "MRPC, seed 717: no value of accuracy; means it would be part of are shown as -"});
  const std::string text = results_text(summary);
  CHECK(contains(text, "GLUE average (8 tasks, dev): -; scored as on the leaderboard: -"));
  CHECK(contains(text, "Pearson 50.00, Spearman -"));
  CHECK_FALSE(contains(text, "nan"));
  const Json json = parse_json(results_json(summary), orchid::ErrorKind::failure);
  CHECK(json["average"]["paper"].is_null());
  CHECK(json["tasks"][5]["runs"][1]["metrics"]["spearman"].is_null());
  CHECK(json["tasks"][5]["paper"]["deviation"].is_null());
}

TEST_CASE("a run that is not completed is shown and in no mean", "[train][glue]") {
  GlueOutcome outcome = whole();
  for (GlueRun& run : outcome.runs)
    if (run.task == "cola" || (run.task == "sst2" && run.seed == 717)) run.completed = false;
  const GlueSummary summary = summarise(outcome);
  CHECK(task_of(summary, "sst2").completed == 2);
  CHECK(task_of(summary, "sst2").paper.mean == Approx(91).epsilon(1e-13));
  CHECK(task_of(summary, "sst2").runs.size() == 3);
  CHECK(std::isnan(task_of(summary, "cola").paper.mean));
  CHECK(summary.average_name == "mean of 7 tasks");
  CHECK(summary.paper_average == Approx((636.0 - 93 + 91 - 50) / 7).epsilon(1e-13));
  CHECK(summary.notes ==
        std::vector<std::string>{"SST-2, seed 717: not completed; in no mean",
                                 "CoLA, seed 19: not completed; in no mean",
                                 "CoLA: no run is completed; it is in no average"});
  CHECK(contains(results_text(summary), "not completed\n"));
}

TEST_CASE("results as text are aligned", "[train][glue]") {
  GlueOutcome outcome{"small", {}, {"dev sets are cut to 100 rows"}};
  outcome.runs = {completed("mrpc", 19, {{"accuracy", 0.84}, {"f1", 0.88}}),
                  completed("rte", 8364, {{"accuracy", 0.65}}),
                  completed("rte", 19, {{"accuracy", 0.6}})};
  outcome.runs[1].start = "pretrained";
  CHECK(results_text(summarise(outcome)) ==
        R"(small: GLUE, dev sets, scores times 100

task  metric    n   mean    sd  median  leaderboard    mean    sd
RTE*  accuracy  2  62.50  3.54   62.50  accuracy      62.50  3.54
MRPC  F1        1  88.00         88.00  accuracy, F1  86.00

mean of 2 tasks: 75.25; scored as on the leaderboard: 74.25
* did not start from the weights of MNLI, as the second round of the protocol does

run   seed  round  start       score  leaderboard  steps    time  measured
RTE*  8364      2  pretrained  65.00        65.00    100  3m 07s  accuracy 65.00
RTE     19      2  mnli        60.00        60.00    100  3m 07s  accuracy 60.00
MRPC    19      2  mnli        88.00        86.00    100  3m 07s  accuracy 84.00, F1 88.00

note: dev sets are cut to 100 rows
)");
}

TEST_CASE("results as JSON hold every figure and run", "[train][glue]") {
  GlueOutcome outcome = whole();
  outcome.name = "with \"quotes\"";
  outcome.notes = {"a\nb"};
  const Json json = parse_json(results_json(summarise(outcome)), orchid::ErrorKind::failure);
  CHECK(json["name"] == outcome.name);
  CHECK(json["notes"] == Json{"a\nb"});
  CHECK(json["average"]["name"] == "GLUE average (8 tasks, dev)");
  CHECK(json["average"]["tasks"] == 8);
  CHECK(json["average"]["paper"].get<double>() == Approx(79.5).epsilon(1e-13));
  REQUIRE(json["tasks"].size() == 8);
  const Json& mnli = json["tasks"][0];
  CHECK(mnli["task"] == "mnli");
  CHECK(mnli["paper_metrics"] == Json{"accuracy", "mismatched_accuracy"});
  CHECK(mnli["runs"][0]["metrics"]["mismatched_accuracy"] == 0.82);
  CHECK_FALSE(mnli["paper"].contains("deviation"));
  const Json& mrpc = json["tasks"][7];
  CHECK(mrpc["title"] == "MRPC");
  CHECK(mrpc["leaderboard_metrics"] == Json{"accuracy", "f1"});
  CHECK(mrpc["leaderboard"]["mean"].get<double>() == Approx(86).epsilon(1e-13));
  const Json& sst2 = json["tasks"][4];
  CHECK(sst2["n"] == 3);
  CHECK(sst2["paper"]["deviation"].get<double>() == Approx(std::sqrt(13)).epsilon(1e-12));
  const Json& run = sst2["runs"][0];
  CHECK(run["seed"] == 717);
  CHECK(run["round"] == 1);
  CHECK(run["start"] == "pretrained");
  CHECK(run["completed"] == true);
  CHECK(run["steps"] == 100);
  CHECK(run["seconds"] == 187);
  CHECK(run["directory"] == "runs/x/sst2/seed-717");
}

TEST_CASE("results as Markdown are tables whatever the names hold", "[train][glue]") {
  GlueOutcome outcome{"a|b_c", {completed("cola", 19, {{"matthews", 0.5}})}, {"see <x>\n| y"}};
  CHECK(results_markdown(summarise(outcome)) ==
        R"(# a\|b\_c: GLUE, dev sets, scores times 100

| task | metric | n | mean | sd | median | leaderboard | mean | sd |
|---|---|---:|---:|---:|---:|---|---:|---:|
| CoLA | Matthews | 1 | 50.00 |  | 50.00 | Matthews | 50.00 |  |

mean of 1 task: 50.00; scored as on the leaderboard: 50.00

## Runs

| run | seed | round | start | score | leaderboard | steps | time | measured |
|---|---:|---:|---|---:|---:|---:|---:|---|
| CoLA | 19 | 1 | pretrained | 50.00 | 50.00 | 100 | 3m 07s | Matthews 50.00 |

## Notes

- see \<x\> \| y
)");
}

TEST_CASE("the page of a protocol shows tables and curves", "[train][glue]") {
  const TempDir dir;
  GlueOutcome outcome{"<b>", {}, {"a & b"}};
  outcome.runs = {completed("mnli", 19, {{"accuracy", 0.8}, {"mismatched_accuracy", 0.82}}),
                  completed("mnli", 717, {{"accuracy", 0.7}, {"mismatched_accuracy", 0.72}}),
                  completed("cola", 19, {{"matthews", 0.5}})};
  for (GlueRun& run : outcome.runs) {
    run.directory = dir.path() / run.task / std::to_string(run.seed);
    if (run.task == "cola") continue;  // has no metrics.jsonl
    spit(run.directory / "metrics.jsonl",
         "{\"step\":1,\"split\":\"train\",\"loss\":3}\n"
         "{\"step\":2,\"split\":\"train\",\"loss\":2}\n"
         "{\"step\":2,\"split\":\"valid\",\"loss\":2.5,\"accuracy\":0.625}\n"
         "{\"step\":2,\"split\":\"valid_mismatched\",\"loss\":2.5,\"accuracy\":0.375}\n");
  }
  CHECK(write_glue_report(dir.path(), summarise(outcome)) == dir / "report.html");
  const std::string page = slurp(dir / "report.html");
  const auto count = [&](const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = page.find(part); at != std::string::npos; at = page.find(part, at + 1))
      ++found;
    return found;
  };
  CHECK(contains(page, "<h1>&lt;b&gt;</h1>"));
  CHECK(contains(page, "<title>&lt;b&gt;: GLUE</title>"));
  CHECK_FALSE(contains(page, "<b>"));
  CHECK(contains(page, "<li>a &amp; b</li>"));
  CHECK(contains(page,
                 "<td>MNLI</td><td>accuracy m, mm</td><td class=\"number\">2</td>"
                 "<td class=\"number\">76.00</td><td class=\"number\">7.07</td>"));
  CHECK(contains(page, "<p>mean of 2 tasks: 63.00; scored as on the leaderboard: 63.00</p>"));
  CHECK(count("<svg") == 4);          // two losses, two dev sets
  CHECK(count("<polyline") == 8);     // of two runs
  CHECK(contains(page, "> 0.625<"));  // where the curves end
  CHECK(contains(page, "> 0.375<"));
  CHECK(contains(page, "<span class=\"name-1\">717</span>"));
  CHECK_FALSE(contains(page, "<h2>CoLA</h2>"));  // no curves
  CHECK_FALSE(contains(page, "http"));
}
