#include "train/plan.h"

#include <algorithm>
#include <cmath>

#include "train/datasets.h"
#include "train/log/console.h"
#include "train/log/json_writer.h"
#include "train/tasks/task.h"

namespace orchid::train {

namespace {

/// Of GLUE's parts, which are as many everywhere.
std::int64_t training_samples(const GlueDataConfig& glue) {
  const std::int64_t all = data::glue_part(data::glue_task(glue.task), "train").rows;
  return glue.train_rows > 0 ? std::min(glue.train_rows, all) : all;
}

/// Sets the steps of a run given in epochs, or says why they are not known.
void count_steps(const RunConfig& config, RunPlan& plan) {
  try {
    const auto* glue = std::get_if<GlueDataConfig>(&config.data);
    const std::int64_t samples =
        glue ? training_samples(*glue) : open_data(config, OpenFor::training, "").train->size();
    plan.steps = config.schedule.epochs * steps_per_epoch(config, samples);
    plan.samples = config.schedule.epochs * epoch_samples(config, samples);
  } catch (const Error& error) {
    plan.steps_unknown = error.what();
  }
}

}  // namespace

RunPlan plan_run(const RunConfig& config) {
  const std::int64_t length = length_of(config);
  const auto* mlm = std::get_if<MlmTaskConfig>(&config.task);
  const std::int64_t micro = std::min(config.batch.per_device, config.batch.global);
  const auto positions = static_cast<double>(micro * length);
  const std::int64_t targets =
      mlm ? static_cast<std::int64_t>(std::ceil(mlm->mask_rate * positions)) : micro;
  RunPlan plan;
  const bool bf16 = config.precision == Precision::bf16;
  plan.gpu = bf16 || config.device.starts_with("cuda");
  plan.model = model::plan_model(
      config.model, micro, length, targets,
      {bf16 ? DType::bf16 : DType::f32, plan.gpu, make_task(config.task)->head()});
  plan.micro_batches = (config.batch.global + micro - 1) / micro;
  plan.flops_per_step = (plan.model.forward_flops + plan.model.backward_flops) *
                        static_cast<double>(config.batch.global) / static_cast<double>(micro);
  const double floats = 4.0 * static_cast<double>(plan.model.parameters);
  plan.parameter_bytes = (bf16 ? 1.5 : 1) * floats;
  plan.gradient_bytes = floats;
  plan.optimizer_bytes = 2 * floats;
  plan.activation_bytes = plan.model.activation_bytes;
  if (config.schedule.epochs > 0) {
    count_steps(config, plan);
  } else {
    plan.steps = config.schedule.steps;
    plan.samples = plan.steps * config.batch.global;
  }
  plan.tokens = plan.samples * length;
  return plan;
}

std::string plan_json(const RunConfig& config, const RunPlan& plan) {
  JsonWriter json(2);
  json.begin_object().member("name", config.name).member("parameters", plan.model.parameters);
  json.key("tensors").begin_array();
  for (const auto& tensor : plan.model.tensors) {
    json.begin_object().member("name", tensor.name).key("shape").begin_array();
    for (int axis = 0; axis < tensor.shape.rank(); ++axis) json.value(tensor.shape[axis]);
    json.end_array().member("count", tensor.count).end_object();
  }
  json.end_array().member("flops_per_step", plan.flops_per_step);
  json.member("micro_batches", plan.micro_batches);
  json.member("device", plan.gpu ? "cuda" : "cpu");
  json.member("precision", enum_name(config.precision));
  json.key("memory").begin_object().member("parameters", plan.parameter_bytes);
  json.member("gradients", plan.gradient_bytes).member("optimizer", plan.optimizer_bytes);
  json.member("activations", plan.activation_bytes).member("total", plan.total_bytes());
  json.end_object();
  if (plan.steps > 0)
    json.member("steps", plan.steps).member("samples", plan.samples).member("tokens", plan.tokens);
  else
    json.member("steps_unknown", plan.steps_unknown);
  return json.end_object().text();
}

std::string plan_text(const RunConfig& config, const RunPlan& plan) {
  const auto bytes = [](double count) { return short_number(count) + "B"; };
  std::string text = str(config.name, "\nparameters        ", plan.model.parameters, " in ",
                         plan.model.tensors.size(), " tensors");
  if (plan.steps == 0)
    text += str("\nsteps             those of ", config.schedule.epochs,
                " epochs; how many, the data would tell: ", plan.steps_unknown);
  else
    text += str("\nsteps             ", plan.steps, " of ", config.batch.global,
                " samples: ", short_number(static_cast<double>(plan.samples)), " samples, ",
                short_number(static_cast<double>(plan.tokens)), " tokens");
  text += str("\nwork              ", short_number(plan.flops_per_step), "FLOP a step in ",
              plan.micro_batches, plan.micro_batches == 1 ? " micro-batch" : " micro-batches");
  if (plan.steps > 0)
    text += str(", ", short_number(plan.flops_per_step * static_cast<double>(plan.steps)),
                "FLOP in all");
  text += str("\nmemory            ", bytes(plan.total_bytes()), " on a ", plan.gpu ? "GPU" : "CPU",
              " in ", enum_name(config.precision), ": parameters ", bytes(plan.parameter_bytes),
              ", gradients ", bytes(plan.gradient_bytes), ", optimizer ",
              bytes(plan.optimizer_bytes), ", activations ", bytes(plan.activation_bytes));
  return text;
}

}  // namespace orchid::train
