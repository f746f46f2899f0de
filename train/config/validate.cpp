#include <algorithm>
#include <cmath>

#include "data/text/glue.h"
#include "kernels/core/error.h"
#include "train/config/run_config.h"

namespace orchid::train {
namespace {

constexpr std::int64_t kLargestBatch = std::int64_t{1} << 24;
constexpr std::int64_t kMostClasses = 1 << 15;
constexpr std::int64_t kMostEpochs = std::int64_t{1} << 20;  // times the steps of one: no overflow

void at_least(const char* key, std::int64_t value, std::int64_t least) {
  ORCHID_CHECK_USAGE(value >= least, key, ": expected at least ", least, ", got ", value);
}

void at_most(const char* key, std::int64_t value, std::int64_t most) {
  ORCHID_CHECK_USAGE(value <= most, key, ": expected at most ", most, ", got ", value);
}

void in_range(const char* key, double value, double low, double high, const char* range) {
  ORCHID_CHECK_USAGE(value >= low && value <= high, key, ": expected a number in ", range, ", got ",
                     value);
}

void not_negative(const std::string& key, double value) {
  ORCHID_CHECK_USAGE(value >= 0 && std::isfinite(value), key,
                     ": expected a number of 0 or more, got ", value);
}

/// A run each: two of one seed would be one and the same.
void distinct(const std::string& key, std::vector<std::uint64_t> seeds) {
  std::sort(seeds.begin(), seeds.end());
  const auto twice = std::adjacent_find(seeds.begin(), seeds.end());
  ORCHID_CHECK_USAGE(twice == seeds.end(), key, ": expected each seed once, got ", *twice,
                     " twice");
}

/// The name becomes a folder.
void check_name(const std::string& name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-' || c == '.';
  });
  ORCHID_CHECK_USAGE(!name.empty() && name.size() <= 200 && plain && name[0] != '.',
                     "name: expected up to 200 letters, digits, '_', '-' and '.', not beginning "
                     "with '.', got \"",
                     name, "\"");
}

void check_task(const MlmTaskConfig& task) {
  // A rate of 0 would leave nothing to learn, so the range is open below.
  for (const auto& [key, rate] :
       {std::pair{"task.mask_rate", task.mask_rate},
        std::pair{"task.evaluation_mask_rate", task.evaluation_mask_rate}})
    ORCHID_CHECK_USAGE(rate > 0 && rate <= 1, key, ": expected a number in (0, 1], got ", rate);
}

void check_dropout(double dropout) {
  ORCHID_CHECK_USAGE(dropout >= 0 && dropout < 1, "task.dropout: expected a number in [0, 1), got ",
                     dropout);
}

void check_task(const ClassificationTaskConfig& task) {
  at_least("task.classes", task.classes, 2);
  ORCHID_CHECK_USAGE(task.labels.empty() || std::ssize(task.labels) == task.classes,
                     "task.labels: expected ", task.classes, ", as task.classes says, got ",
                     task.labels.size());
  check_dropout(task.dropout);
}

void check_task(const RegressionTaskConfig& task) {
  check_dropout(task.dropout);
}

void check_task(const ImageClassificationTaskConfig& task) {
  at_least("task.classes", task.classes, 2);
  at_most("task.classes", task.classes, kMostClasses);
  ORCHID_CHECK_USAGE(task.labels.empty() || std::ssize(task.labels) == task.classes,
                     "task.labels: expected ", task.classes, ", as task.classes says, got ",
                     task.labels.size());
  ORCHID_CHECK_USAGE(task.label_smoothing >= 0 && task.label_smoothing < 1,
                     "task.label_smoothing: expected a number in [0, 1), got ",
                     task.label_smoothing);
}

template <class... Alternatives>
const char* type_of(const std::variant<Alternatives...>& chosen) {
  return std::visit([](const auto& is) { return std::decay_t<decltype(is)>::type; }, chosen);
}

/// The kind of network that reads such data.
template <class Model>
const Model& model_for(const char* data, const RunConfig& config) {
  const auto* model = std::get_if<Model>(&config.model);
  ORCHID_CHECK_USAGE(model, "model.type: data.type ", data, " needs ", Model::type, ", got ",
                     type_of(config.model));
  return *model;
}

void check_length(const char* data, std::int64_t length, const RunConfig& config) {
  at_least("data.length", length, 1);
  const std::int64_t most = model_for<model::BertConfig>(data, config).length;
  ORCHID_CHECK_USAGE(length <= most, "data.length: expected at most model.length = ", most,
                     ", got ", length);
}

void check_loading(std::int64_t threads, std::int64_t prefetch) {
  at_least("data.threads", threads, 0);
  at_most("data.threads", threads, 256);
  at_least("data.prefetch", prefetch, 1);
  at_most("data.prefetch", prefetch, 1024);
}

void check_data(const TextShardsConfig& data, const RunConfig& config) {
  ORCHID_CHECK_USAGE(!data.train.empty(), "data.train: required, and missing");
  ORCHID_CHECK_USAGE(std::holds_alternative<MlmTaskConfig>(config.task),
                     "task.type: data.type text_shards has no labels: expected mlm");
  check_loading(data.threads, data.prefetch);
  check_length(data.type, data.length, config);
}

/// What the labels of a task of GLUE ask of `task`. Where a `glue` section makes the runs, it also
/// chooses the task.
void check_data(const GlueDataConfig& data, const RunConfig& config) {
  ORCHID_CHECK_USAGE(!data.directory.empty(), "data.directory: required, and missing");
  check_loading(data.threads, data.prefetch);
  check_length(data.type, data.length, config);
  at_least("data.train_rows", data.train_rows, 0);
  if (config.glue) return;
  ORCHID_CHECK_USAGE(!data.task.empty(), "data.task: required, and missing");
  const data::GlueTask& set = data::glue_task(data.task);
  const auto classes = static_cast<std::int64_t>(set.labels.size());
  const auto* task = std::get_if<ClassificationTaskConfig>(&config.task);
  ORCHID_CHECK_USAGE(classes == 0 ? std::holds_alternative<RegressionTaskConfig>(config.task)
                                  : task && task->classes == classes,
                     "task: data.task ", data.task,
                     classes == 0 ? " needs type regression"
                                  : str(" needs type classification with ", classes, " classes"));
}

/// Pictures of the size that the network takes.
void check_data(const data::ImageDataOptions& data, const RunConfig& config) {
  ORCHID_CHECK_USAGE(!data.train.empty(), "data.train: required, and missing");
  with_context("data", [&] { data::validate(data); });
  check_loading(data.threads, data.prefetch);
  ORCHID_CHECK_USAGE(std::holds_alternative<ImageClassificationTaskConfig>(config.task),
                     "task.type: data.type images needs image_classification, got ",
                     type_of(config.task));
  const auto& vit = model_for<model::VitConfig>(data.type, config);
  ORCHID_CHECK_USAGE(vit.image_size == data.size,
                     "model.image_size: expected data.size = ", data.size, ", got ",
                     vit.image_size);
  ORCHID_CHECK_USAGE(vit.channels == data.channels,
                     "model.channels: expected data.channels = ", data.channels, ", got ",
                     vit.channels);
  // The middle one of an odd number would be mixed with itself.
  const std::int64_t micro = std::min(config.batch.per_device, config.batch.global);
  ORCHID_CHECK_USAGE(
      (data.augmentation.mixup <= 0 && data.augmentation.cutmix <= 0) || micro % 2 == 0,
      "batch.per_device: mixup and cutmix need an even number, got ", micro);
}

void check_glue(const RunConfig& config) {
  ORCHID_CHECK_USAGE(std::holds_alternative<GlueDataConfig>(config.data),
                     "glue: needs data.type glue");
  const GlueConfig& glue = *config.glue;
  ORCHID_CHECK_USAGE(!glue.recipes.empty(), "glue.recipes: expected one for each task, none given");
  ORCHID_CHECK_USAGE(config.evaluate_samples == 0,
                     "evaluate_samples: expected 0 with a glue section, whose scores are those of "
                     "whole dev sets, got ",
                     config.evaluate_samples);
  const auto known = [](const std::string& path, const std::string& task) {
    with_context(path, [&] { return &data::glue_task(task); });
    ORCHID_CHECK_USAGE(task != "ax", path,
                       ": ax has no training data; it is predicted with the model of mnli");
  };
  for (const auto& [task, recipe] : glue.recipes) {
    const std::string path = "glue.recipes." + task;
    known(path, task);
    at_least((path + ".epochs").c_str(), recipe.epochs, 1);
    at_most((path + ".epochs").c_str(), recipe.epochs, kMostEpochs);
    at_least((path + ".batch").c_str(), recipe.batch, 1);
    at_most((path + ".batch").c_str(), recipe.batch, kLargestBatch);
    at_least((path + ".evaluate_every").c_str(), recipe.evaluate_every, 0);
    at_least((path + ".train_rows").c_str(), recipe.train_rows, 0);
    not_negative(path + ".learning_rate", recipe.learning_rate);
    not_negative(path + ".weight_decay", recipe.weight_decay);
    ORCHID_CHECK_USAGE(!recipe.seeds.empty(), path, ".seeds: expected at least one");
    distinct(path + ".seeds", recipe.seeds);
  }
  distinct("glue.seeds", glue.seeds);
  for (const std::string& task : glue.tasks) {
    known("glue.tasks", task);
    ORCHID_CHECK_USAGE(glue.recipes.contains(task), "glue.tasks: ", task,
                       " has no recipe; add glue.recipes.", task);
  }
  for (const std::string& task : glue.from_mnli) {
    known("glue.from_mnli", task);
    ORCHID_CHECK_USAGE(task != "mnli", "glue.from_mnli: mnli cannot start from itself");
  }
  at_least("glue.workers", glue.workers, 0);
  at_most("glue.workers", glue.workers, 1024);
}

void check_optimizer(const OptimizerConfig& optimizer) {
  not_negative("optimizer.learning_rate", optimizer.learning_rate);
  not_negative("optimizer.weight_decay", optimizer.weight_decay);
  for (const double beta : optimizer.betas)
    ORCHID_CHECK_USAGE(beta >= 0 && beta < 1, "optimizer.betas: expected numbers in [0, 1), got ",
                       beta);
  ORCHID_CHECK_USAGE(optimizer.epsilon > 0 && optimizer.epsilon < 1,
                     "optimizer.epsilon: expected a number in (0, 1), got ", optimizer.epsilon);
  ORCHID_CHECK_USAGE(optimizer.layer_decay > 0 && optimizer.layer_decay <= 1,
                     "optimizer.layer_decay: expected a number in (0, 1], got ",
                     optimizer.layer_decay);
  for (std::size_t i = 0; i < optimizer.groups.size(); ++i) {
    const OptimizerGroupConfig& group = optimizer.groups[i];
    const std::string path = str("optimizer.groups.", i);
    ORCHID_CHECK_USAGE(!group.match.empty(), path, ".match: required, and missing");
    if (group.learning_rate) not_negative(path + ".learning_rate", *group.learning_rate);
    if (group.weight_decay) not_negative(path + ".weight_decay", *group.weight_decay);
  }
}

void check_rates(const ScheduleConfig& schedule) {
  ORCHID_CHECK_USAGE(schedule.epochs > 0,
                     "schedule.epochs: required by schedule.type cosine_to_rate, and missing");
  const auto epochs = static_cast<double>(schedule.epochs);
  const std::string range = str("[0, schedule.epochs = ", schedule.epochs, "]");
  in_range("schedule.warmup_epochs", schedule.warmup_epochs, 0, epochs, range.c_str());
  at_least("schedule.cooldown_epochs", schedule.cooldown_epochs, 0);
  at_most("schedule.cooldown_epochs", schedule.cooldown_epochs, schedule.epochs - 1);
  not_negative("schedule.warmup_rate", schedule.warmup_rate);
  not_negative("schedule.final_rate", schedule.final_rate);
}

void check_schedule(const ScheduleConfig& schedule, const BatchConfig& batch) {
  at_least("schedule.steps", schedule.steps, 1);
  at_most("schedule.steps", schedule.steps, std::int64_t{1} << 32);
  at_least("schedule.epochs", schedule.epochs, 0);
  at_most("schedule.epochs", schedule.epochs, kMostEpochs);
  in_range("schedule.warmup_fraction", schedule.warmup_fraction, 0, 1, "[0, 1]");
  in_range("schedule.final_fraction", schedule.final_fraction, 0, 1, "[0, 1]");
  if (schedule.type == ScheduleKind::cosine_to_rate) check_rates(schedule);
  at_least("batch.global", batch.global, 1);
  at_most("batch.global", batch.global, kLargestBatch);
  at_least("batch.per_device", batch.per_device, 1);
  at_most("batch.per_device", batch.per_device, kLargestBatch);
}

void check_cadence(const RunConfig& config) {
  at_least("evaluate_every", config.evaluate_every, 0);
  at_least("evaluate_samples", config.evaluate_samples, 0);
  at_least("log_every", config.log_every, 1);
  at_least("checkpoint.every", config.checkpoint.every, 0);
  at_least("checkpoint.keep", config.checkpoint.keep, 1);
}

void check_parallel(const RunConfig& config) {
  const ParallelConfig& parallel = config.parallel;
  at_least("parallel.bucket_mib", parallel.bucket_mib, 1);
  at_most("parallel.bucket_mib", parallel.bucket_mib, 1 << 16);
  at_least("parallel.check_every", parallel.check_every, 0);
  ORCHID_CHECK_USAGE(parallel.deadline_s > 0 && std::isfinite(parallel.deadline_s),
                     "parallel.deadline_s: expected a number of seconds above 0, got ",
                     parallel.deadline_s);
  ORCHID_CHECK_USAGE(
      parallel.reduction == Reduction::fast || !config.device.starts_with("cuda"),
      "parallel.reduction: expected fast on a GPU; sums in a fixed order are the CPU's");
}

bool has_validation(const TextShardsConfig& data) {
  return !data.valid.empty();
}
bool has_validation(const GlueDataConfig&) {
  return true;
}
bool has_validation(const data::ImageDataOptions& data) {
  return !data.valid.empty() || data.valid_fraction > 0;
}

}  // namespace

void validate(const RunConfig& config) {
  check_name(config.name);
  at_least("threads", config.threads, 0);
  at_most("threads", config.threads, 1024);
  model::validate(config.model);
  std::visit([](const auto& task) { check_task(task); }, config.task);
  std::visit([&](const auto& data) { check_data(data, config); }, config.data);
  check_optimizer(config.optimizer);
  check_schedule(config.schedule, config.batch);
  ORCHID_CHECK_USAGE(config.ema.decay >= 0 && config.ema.decay < 1,
                     "ema.decay: expected a number in [0, 1), got ", config.ema.decay);
  not_negative("clip_norm", config.clip_norm);
  check_cadence(config);
  check_parallel(config);
  ORCHID_CHECK_USAGE(
      !config.checkpoint.best ||
          std::visit([](const auto& data) { return has_validation(data); }, config.data),
      "checkpoint.best: needs validation data, and data.valid is empty");
  if (config.glue) check_glue(config);
}

}  // namespace orchid::train
