#include "train/glue/protocol.h"

#include <algorithm>

#include "data/text/glue.h"

namespace orchid::train {
namespace {

namespace fs = std::filesystem;

/// The order runs begin in: the longest first, MNLI before those that wait for it.
constexpr const char* kOrder[] = {"mnli", "qqp",  "qnli", "sst2", "cola",
                                  "rte",  "mrpc", "stsb", "wnli"};
/// Whose pooling the published M2 runs took over from QNLI (spec bert_glue 4.2).
constexpr const char* kPublishedMean[] = {"qnli", "sst2", "stsb", "mrpc", "cola"};

template <class List>
bool contains(const List& list, const std::string& name) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

/// The task a set of GLUE is learned as.
TaskConfig task_config(const data::GlueTask& set, model::Pooling pooling, double dropout) {
  if (set.regression()) return RegressionTaskConfig{pooling, dropout};
  return ClassificationTaskConfig{static_cast<std::int64_t>(set.labels.size()), set.labels, pooling,
                                  dropout};
}

/// That of the template's task, where it has one.
template <class Task>
double dropout_of(const Task& task) {
  if constexpr (requires { task.dropout; }) return task.dropout;
  return ClassificationTaskConfig{}.dropout;
}

/// The template with what the recipe of a task says.
RunConfig run_config(const RunConfig& base, const std::string& task, std::uint64_t seed) {
  const GlueRecipeConfig& recipe = base.glue->recipes.at(task);
  RunConfig config = base;
  config.glue.reset();
  config.name = str(base.name, "-", task, "-", seed);
  config.seed = seed;
  auto& data = std::get<GlueDataConfig>(config.data);
  data.task = task;
  if (recipe.train_rows > 0) data.train_rows = recipe.train_rows;
  const bool published = base.glue->published_pooling && contains(kPublishedMean, task);
  const double dropout =
      std::visit([](const auto& learned) { return dropout_of(learned); }, base.task);
  config.task = task_config(data::glue_task(task),
                            published ? model::Pooling::mean : recipe.pooling, dropout);
  config.batch.global = recipe.batch;
  config.batch.per_device = std::min(base.batch.per_device, recipe.batch);
  config.optimizer.type = recipe.optimizer;
  config.optimizer.learning_rate = recipe.learning_rate;
  config.optimizer.weight_decay = recipe.weight_decay;
  config.schedule.epochs = recipe.epochs;
  config.evaluate_every = recipe.evaluate_every;
  if (recipe.float32) config.precision = Precision::f32;
  return config;
}

}  // namespace

GluePlan plan_glue(const RunConfig& config, const fs::path& directory,
                   const CountRows& count_rows) {
  const GlueConfig& glue = *config.glue;
  GluePlan plan;
  fs::path mnli;  // the run whose weights the second round takes
  for (const char* name : kOrder) {
    const std::string task = name;
    const bool asked = contains(glue.tasks, task);
    if (!glue.recipes.contains(task) || (!glue.tasks.empty() && !asked)) continue;
    const std::int64_t all = count_rows(task);
    if (all == 0) {
      ORCHID_CHECK_INPUT(!asked, "glue.tasks: ", task, ": no data in ",
                         std::get<GlueDataConfig>(config.data).directory, "/",
                         data::glue_task(task).directory);
      plan.notes.push_back(str(task, ": no data, left out"));
      continue;
    }
    const bool second = contains(glue.from_mnli, task);
    for (const std::uint64_t seed : glue.seeds.empty() ? glue.recipes.at(task).seeds : glue.seeds) {
      PlannedRun planned{.run = {}, .config = run_config(config, task, seed)};
      GlueRun& run = planned.run;
      run.task = task;
      run.seed = seed;
      run.round = second ? 2 : 1;
      run.directory = directory / task / str("seed-", seed);
      run.start = config.init.checkpoint.empty() ? "random" : "pretrained";
      const std::int64_t limit = std::get<GlueDataConfig>(planned.config.data).train_rows;
      planned.rows = limit > 0 ? std::min(limit, all) : all;
      if (second && !mnli.empty()) {
        run.start = "mnli";
        planned.waits = true;
        planned.config.init.checkpoint = mnli.string();
      }
      if (task == "mnli" && mnli.empty()) mnli = run.directory;
      plan.runs.push_back(std::move(planned));
    }
  }
  const bool unmarked = std::none_of(plan.runs.begin(), plan.runs.end(), [](const PlannedRun& run) {
    return run.run.round == 2 && !run.waits;
  });
  if (!unmarked)
    plan.notes.push_back(
        str("mnli is not among the tasks: those of the second round start from ",
            config.init.checkpoint.empty() ? "random values" : "the pretrained checkpoint"));
  ORCHID_CHECK_INPUT(!plan.runs.empty(), "glue: no task to run");
  return plan;
}

std::int64_t official_rows(const std::string& task) {
  return data::glue_part(data::glue_task(task), "train").rows;
}

std::int64_t steps_of(const PlannedRun& planned) {
  const std::int64_t batch = planned.config.batch.global;
  return planned.config.schedule.epochs * ((planned.rows + batch - 1) / batch);
}

}  // namespace orchid::train
