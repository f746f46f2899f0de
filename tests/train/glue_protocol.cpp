#include <set>

#include "tests/support/files.h"
#include "tests/support/op_check.h"
#include "train/config/load.h"
#include "train/glue/protocol.h"

using namespace orchid::train;
using orchid::model::Pooling;
using orchid::test::require_error;
using orchid::test::source_dir;

namespace {

using Words = std::vector<std::string>;
using Seeds = std::vector<std::uint64_t>;

RunConfig configuration(const Words& sets = {}) {
  return load_config(source_dir() / "configs/glue/orchid_bert_base.json", sets);
}

GluePlan plan(const Words& sets = {}, const CountRows& count_rows = official_rows) {
  return plan_glue(configuration(sets), "out", count_rows);
}

/// Those of one task, in their order.
std::vector<PlannedRun> runs_of(const GluePlan& plan, const std::string& task) {
  std::vector<PlannedRun> found;
  for (const PlannedRun& planned : plan.runs)
    if (planned.run.task == task) found.push_back(planned);
  return found;
}

PlannedRun first_of(const GluePlan& plan, const std::string& task) {
  const std::vector<PlannedRun> runs = runs_of(plan, task);
  REQUIRE(!runs.empty());
  return runs.front();
}

Words tasks_of(const GluePlan& plan) {
  Words tasks;
  for (const PlannedRun& planned : plan.runs)
    if (tasks.empty() || tasks.back() != planned.run.task) tasks.push_back(planned.run.task);
  return tasks;
}

Seeds seeds_of(const GluePlan& plan, const std::string& task) {
  Seeds seeds;
  for (const PlannedRun& planned : runs_of(plan, task)) seeds.push_back(planned.run.seed);
  return seeds;
}

Pooling pooling_of(const PlannedRun& planned) {
  if (const auto* task = std::get_if<ClassificationTaskConfig>(&planned.config.task))
    return task->pooling;
  return std::get<RegressionTaskConfig>(planned.config.task).pooling;
}

/// Rows of every task but of these.
CountRows without(const Words& absent) {
  return [absent](const std::string& task) {
    for (const std::string& name : absent)
      if (name == task) return std::int64_t{0};
    return official_rows(task);
  };
}

}  // namespace

TEST_CASE("the protocol of the published runs: tasks, seeds, steps", "[train][glue]") {
  const GluePlan all = plan();
  CHECK(all.notes.empty());
  CHECK(tasks_of(all) == Words{"mnli", "qqp", "qnli", "sst2", "cola", "rte", "mrpc", "stsb"});
  struct Expected {
    const char* task;
    std::int64_t rows, steps_of_epoch, epochs, batch, evaluate_every;
    Seeds seeds;
  };
  const Seeds five = {19, 8364, 717, 10536, 90166};
  const std::vector<Expected> table = {
      {"mnli", 392702, 8182, 3, 48, 2300, {19}},
      {"rte", 2490, 156, 6, 16, 100, five},
      {"qqp", 363846, 22741, 10, 16, 2000, {19}},
      {"qnli", 104743, 6547, 10, 16, 1000, {19}},
      {"sst2", 67349, 4210, 3, 16, 500, {19, 8364, 717}},
      {"stsb", 5749, 180, 10, 32, 200, five},
      {"mrpc", 3668, 115, 10, 32, 100, five},
      {"cola", 8551, 268, 10, 32, 250, {19, 8364, 717, 10536}},
  };
  for (const Expected& expected : table) {
    INFO(expected.task);
    const PlannedRun first = first_of(all, expected.task);
    CHECK(seeds_of(all, expected.task) == expected.seeds);
    CHECK(first.rows == expected.rows);
    CHECK(first.config.schedule.epochs == expected.epochs);
    CHECK(first.config.batch.global == expected.batch);
    CHECK(first.config.batch.per_device <= expected.batch);
    CHECK(first.config.evaluate_every == expected.evaluate_every);
    CHECK(steps_of(first) == expected.epochs * expected.steps_of_epoch);
    CHECK(first.config.optimizer.betas == std::array<double, 2>{0.9, 0.98});
    CHECK(first.config.optimizer.epsilon == 1e-6);
    CHECK(first.config.clip_norm == 0);
    CHECK(first.config.schedule.warmup_fraction == 0.06);
    CHECK(first.config.schedule.final_fraction == 0);
  }
  CHECK(steps_of(first_of(all, "mnli")) == 24546);
}

TEST_CASE("learning rates, decays and optimizers of the published runs", "[train][glue]") {
  struct Expected {
    const char* task;
    double learning_rate, weight_decay;
    OptimizerKind optimizer;
  };
  const auto decoupled = OptimizerKind::decoupled_adamw, ordinary = OptimizerKind::adamw;
  const std::map<std::string, std::vector<Expected>> sizes = {{"base",
                                                               {{"mnli", 5e-5, 5e-6, decoupled},
                                                                {"rte", 5e-5, 0.01, ordinary},
                                                                {"qqp", 3e-5, 0.01, ordinary},
                                                                {"qnli", 5e-5, 1e-6, decoupled},
                                                                {"sst2", 3e-5, 3e-6, decoupled},
                                                                {"stsb", 7e-5, 0.01, ordinary},
                                                                {"mrpc", 5e-5, 0.01, ordinary},
                                                                {"cola", 5e-5, 5e-6, decoupled}}},
                                                              {"large",
                                                               {{"mnli", 5e-5, 5e-6, decoupled},
                                                                {"rte", 1e-5, 1e-6, decoupled},
                                                                {"qqp", 3e-5, 3e-6, decoupled},
                                                                {"qnli", 5e-5, 1e-6, decoupled},
                                                                {"sst2", 3e-5, 3e-6, decoupled},
                                                                {"stsb", 7e-5, 3e-6, decoupled},
                                                                {"mrpc", 8e-5, 8e-6, decoupled},
                                                                {"cola", 5e-5, 5e-6, decoupled}}}};
  for (const auto& [size, table] : sizes) {
    const GluePlan all =
        plan_glue(load_config(source_dir() / ("configs/glue/orchid_bert_" + size + ".json"), {}),
                  "out", official_rows);
    for (const Expected& expected : table) {
      INFO(size << " " << expected.task);
      for (const PlannedRun& planned : runs_of(all, expected.task)) {
        CHECK(planned.config.optimizer.learning_rate == expected.learning_rate);
        CHECK(planned.config.optimizer.weight_decay == expected.weight_decay);
        CHECK(planned.config.optimizer.type == expected.optimizer);
      }
    }
  }
}

TEST_CASE("each planned run is a configuration of its own that can be run", "[train][glue]") {
  const GluePlan all = plan();
  std::set<std::string> names, directories;
  for (const PlannedRun& planned : all.runs) {
    const auto& [run, config, waits, rows] = planned;
    INFO(config.name);
    CHECK_NOTHROW(validate(config));
    CHECK_FALSE(config.glue);
    CHECK(config.seed == run.seed);
    CHECK(config.name == orchid::str("glue_orchid_bert_base-", run.task, "-", run.seed));
    CHECK(run.directory ==
          std::filesystem::path("out") / run.task / orchid::str("seed-", run.seed));
    CHECK(std::get<GlueDataConfig>(config.data).task == run.task);
    CHECK_FALSE(run.completed);
    names.insert(config.name);
    directories.insert(run.directory.string());
  }
  CHECK(all.runs.size() == 25);
  CHECK(names.size() == all.runs.size());
  CHECK(directories.size() == all.runs.size());
  const auto task = [&](const char* name) { return first_of(all, name).config.task; };
  CHECK(std::get<ClassificationTaskConfig>(task("mnli")).labels ==
        Words{"entailment", "neutral", "contradiction"});
  CHECK(std::get<ClassificationTaskConfig>(task("rte")).classes == 2);
  CHECK(std::get<ClassificationTaskConfig>(task("rte")).dropout == 0.1);
  CHECK(std::get<RegressionTaskConfig>(task("stsb")).dropout == 0.1);
}

TEST_CASE("the second round starts from the first run of MNLI", "[train][glue]") {
  const GluePlan all = plan({"glue.recipes.mnli.seeds=7,19"});
  for (const PlannedRun& planned : all.runs) {
    const GlueRun& run = planned.run;
    INFO(run.task);
    const bool second = run.task == "rte" || run.task == "mrpc" || run.task == "stsb";
    CHECK(run.round == (second ? 2 : 1));
    CHECK(planned.waits == second);
    CHECK(run.start == (second ? "mnli" : "pretrained"));
    CHECK(planned.config.init.checkpoint == (second ? "out/mnli/seed-7" : "runs/orchid_bert_base"));
  }
  const GluePlan chosen = plan({"glue.from_mnli=cola"});
  CHECK(first_of(chosen, "cola").run.start == "mnli");
  CHECK(first_of(chosen, "rte").run.start == "pretrained");
  CHECK(first_of(chosen, "rte").run.round == 1);
  CHECK(chosen.notes.empty());
}

TEST_CASE("without MNLI the second round starts as the first does, and a note says so",
          "[train][glue]") {
  struct Case {
    Words sets;
    std::string start, note;
  };
  for (const Case& expected :
       {Case{{}, "pretrained", "start from the pretrained checkpoint"},
        Case{
            {"init.checkpoint=", "data.vocabulary=v.txt"}, "random", "start from random values"}}) {
    Words sets = {"glue.tasks=rte,stsb,cola"};
    sets.insert(sets.end(), expected.sets.begin(), expected.sets.end());
    const GluePlan some = plan(sets);
    CHECK(tasks_of(some) == Words{"cola", "rte", "stsb"});
    for (const PlannedRun& planned : some.runs) {
      CHECK(planned.run.start == expected.start);
      CHECK(planned.run.round == (planned.run.task == "cola" ? 1 : 2));
      CHECK_FALSE(planned.waits);
      CHECK(planned.config.init.checkpoint ==
            (expected.start == "random" ? "" : "runs/orchid_bert_base"));
    }
    REQUIRE(some.notes.size() == 1);
    CHECK(some.notes[0].find(expected.note) != std::string::npos);
  }
  CHECK(plan({"glue.tasks=cola,sst2"}).notes.empty());  // nobody misses it
}

TEST_CASE("tasks without data are left out unless they were asked for", "[train][glue]") {
  const GluePlan some = plan({}, without({"qqp", "qnli"}));
  CHECK(tasks_of(some) == Words{"mnli", "sst2", "cola", "rte", "mrpc", "stsb"});
  CHECK(some.notes == Words{"qqp: no data, left out", "qnli: no data, left out"});
  const GluePlan headless = plan({}, without({"mnli"}));
  CHECK(first_of(headless, "rte").run.start == "pretrained");
  CHECK(headless.notes.size() == 2);  // left out; and what that means for the second round
  require_error([] { plan({"glue.tasks=cola,qqp"}, without({"qqp"})); },
                "glue.tasks: qqp: no data in glue/QQP");
  require_error([] { plan({}, [](const std::string&) { return std::int64_t{0}; }); },
                "glue: no task to run");
}

TEST_CASE("seeds and rows can be chosen", "[train][glue]") {
  const GluePlan some =
      plan({"glue.seeds=3,1", "glue.recipes.cola.train_rows=100",
            "glue.recipes.rte.train_rows=9000", "data.train_rows=500", "glue.tasks=cola,rte,sst2"});
  for (const char* task : {"cola", "rte", "sst2"}) CHECK(seeds_of(some, task) == Seeds{3, 1});
  const auto rows = [&](const char* task) {
    const PlannedRun run = first_of(some, task);
    return std::pair{run.rows, std::get<GlueDataConfig>(run.config.data).train_rows};
  };
  using Rows = std::pair<std::int64_t, std::int64_t>;
  CHECK(rows("cola") == Rows{100, 100});
  CHECK(rows("rte") == Rows{2490, 9000});  // there are no more
  CHECK(rows("sst2") == Rows{500, 500});
  CHECK(steps_of(first_of(some, "cola")) == 10 * 4);
  CHECK(steps_of(first_of(some, "rte")) == 6 * 156);
}

TEST_CASE("pooling is the recipe's, or as the published runs had it", "[train][glue]") {
  const GluePlan ours = plan(), published = plan({"glue.published_pooling=true"});
  const std::set<std::string> mean = {"qnli", "sst2", "stsb", "mrpc", "cola"};
  for (const PlannedRun& planned : ours.runs)
    CHECK(pooling_of(planned) == (planned.run.task == "qnli" ? Pooling::mean : Pooling::first));
  for (const PlannedRun& planned : published.runs) {
    INFO(planned.run.task);
    CHECK(pooling_of(planned) ==
          (mean.contains(planned.run.task) ? Pooling::mean : Pooling::first));
  }
}

TEST_CASE("STS-B is computed in float32", "[train][glue]") {
  for (const PlannedRun& planned : plan({"precision=bf16"}).runs)
    CHECK(planned.config.precision ==
          (planned.run.task == "stsb" ? Precision::f32 : Precision::bf16));
}
