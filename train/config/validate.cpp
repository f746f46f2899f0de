#include <algorithm>
#include <cmath>

#include "kernels/core/error.h"
#include "train/config/run_config.h"

namespace orchid::train {
namespace {

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

void check_data(const TextShardsConfig& data) {
  ORCHID_CHECK_USAGE(!data.train.empty(), "data.train: required, and missing");
  at_least("data.length", data.length, 1);
  at_least("data.threads", data.threads, 0);
  at_most("data.threads", data.threads, 256);
  at_least("data.prefetch", data.prefetch, 1);
  at_most("data.prefetch", data.prefetch, 1024);
}

void check_optimizer(const OptimizerConfig& optimizer) {
  not_negative("optimizer.learning_rate", optimizer.learning_rate);
  not_negative("optimizer.weight_decay", optimizer.weight_decay);
  for (const double beta : optimizer.betas)
    ORCHID_CHECK_USAGE(beta >= 0 && beta < 1, "optimizer.betas: expected numbers in [0, 1), got ",
                       beta);
  ORCHID_CHECK_USAGE(optimizer.epsilon > 0 && optimizer.epsilon < 1,
                     "optimizer.epsilon: expected a number in (0, 1), got ", optimizer.epsilon);
  for (std::size_t i = 0; i < optimizer.groups.size(); ++i) {
    const OptimizerGroupConfig& group = optimizer.groups[i];
    const std::string path = str("optimizer.groups.", i);
    ORCHID_CHECK_USAGE(!group.match.empty(), path, ".match: required, and missing");
    if (group.learning_rate) not_negative(path + ".learning_rate", *group.learning_rate);
    if (group.weight_decay) not_negative(path + ".weight_decay", *group.weight_decay);
  }
}

void check_schedule(const ScheduleConfig& schedule, const BatchConfig& batch) {
  at_least("schedule.steps", schedule.steps, 1);
  at_most("schedule.steps", schedule.steps, std::int64_t{1} << 32);
  in_range("schedule.warmup_fraction", schedule.warmup_fraction, 0, 1, "[0, 1]");
  in_range("schedule.final_fraction", schedule.final_fraction, 0, 1, "[0, 1]");
  at_least("batch.global", batch.global, 1);
  at_most("batch.global", batch.global, std::int64_t{1} << 24);
  at_least("batch.per_device", batch.per_device, 1);
  at_most("batch.per_device", batch.per_device, std::int64_t{1} << 24);
}

void check_cadence(const RunConfig& config) {
  at_least("evaluate_every", config.evaluate_every, 0);
  at_least("evaluate_samples", config.evaluate_samples, 0);
  at_least("log_every", config.log_every, 1);
  at_least("checkpoint.every", config.checkpoint.every, 0);
  at_least("checkpoint.keep", config.checkpoint.keep, 1);
}

void check_across(const model::BertConfig& bert, const TextShardsConfig& data,
                  const CheckpointConfig& checkpoint) {
  ORCHID_CHECK_USAGE(data.length <= bert.length,
                     "data.length: expected at most model.length = ", bert.length, ", got ",
                     data.length);
  ORCHID_CHECK_USAGE(!checkpoint.best || !data.valid.empty(),
                     "checkpoint.best: needs validation data, and data.valid is empty");
}

}  // namespace

void validate(const RunConfig& config) {
  check_name(config.name);
  at_least("threads", config.threads, 0);
  at_most("threads", config.threads, 1024);
  model::validate(config.model);
  std::visit([](const auto& task) { check_task(task); }, config.task);
  std::visit([](const auto& data) { check_data(data); }, config.data);
  check_optimizer(config.optimizer);
  check_schedule(config.schedule, config.batch);
  not_negative("clip_norm", config.clip_norm);
  check_cadence(config);
  std::visit(
      [&](const auto& bert, const auto& data) { check_across(bert, data, config.checkpoint); },
      config.model, config.data);
}

}  // namespace orchid::train
