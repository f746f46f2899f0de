#include "train/assemble.h"

#include <algorithm>
#include <cstdio>

#include "data/text/vocabulary.h"
#include "kernels/core/cuda_part.h"
#include "train/config/load.h"

namespace orchid::train {
namespace {

/// Content of a checkpoint's vocab.txt; empty without one.
std::string checkpoint_vocabulary(const std::filesystem::path& checkpoint) {
  const std::filesystem::path file = checkpoint / kVocabularyFile;
  return std::filesystem::exists(file) ? data::Vocabulary::load(file).text() : "";
}

/// What both kinds of assembly share: everything but the values. `checkpoint`: where they will come
/// from; empty: they are drawn.
std::unique_ptr<Assembly> build(const RunConfig& config, AssembleFor what,
                                const std::filesystem::path& checkpoint) {
  ORCHID_CHECK_USAGE(!config.glue,
                     "glue: expected a configuration of one run; `orchid glue` makes the runs of "
                     "this section");
  const std::string trained = checkpoint.empty() ? "" : checkpoint_vocabulary(checkpoint);
  auto parts = std::make_unique<Assembly>(Assembly{.config = config, .ctx = make_context(config)});
  parts->task = make_task(config.task);
  if (what == AssembleFor::model_alone) {
    parts->data.vocabulary = trained;
  } else {
    const bool training = what == AssembleFor::training;
    parts->data = open_data(config, training ? OpenFor::training : OpenFor::evaluation, trained);
    ORCHID_CHECK_INPUT(trained.empty() || trained == parts->data.vocabulary, checkpoint.string(),
                       ": trained with another vocabulary than that of the data");
    if (training && config.schedule.epochs > 0)
      parts->config.schedule.steps =
          config.schedule.epochs * steps_per_epoch(config, parts->data.train->size());
    if (auto* task = std::get_if<ImageClassificationTaskConfig>(&parts->config.task))
      task->labels = parts->data.classes;
  }
  parts->model = model::build_model(parts->ctx, config.model, config.seed, parts->task->head());
  return parts;
}

std::string list_of(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 6;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i)
    text += str(i ? ", " : "", names[i]);
  return names.size() > kShown ? str(text, " and ", names.size() - kShown, " more") : text;
}

/// What the checkpoint and the model have in common, as `init` says; a note tells of it.
void take_values(Assembly& parts, const std::filesystem::path& checkpoint) {
  const LoadReport report = with_context("init.checkpoint", [&] {
    return load_matching(checkpoint, parts.visit(), parts.config.init.fresh);
  });
  parts.data.notes.push_back(
      str("starts from ", checkpoint.string(), ": ", report.loaded.size(), " tensors taken",
          report.fresh.empty() ? "" : "; drawn anew: " + list_of(report.fresh),
          report.unused.empty() ? "" : "; not used: " + list_of(report.unused)));
}

}  // namespace

Context make_context(const RunConfig& config) {
  const Device device = parse_device(config.device);
  if (config.device == "auto" && device.type == DeviceType::cpu && built_with_cuda())
    std::fprintf(stderr, "no GPU can be used (%s): running on the CPU\n",
                 find_cuda_devices().reason.c_str());
  ORCHID_CHECK_USAGE(config.precision == Precision::f32 || device.type != DeviceType::cpu,
                     "precision: bf16 needs a GPU; the CPU computes in float32");
  const DType compute = config.precision == Precision::bf16 ? DType::bf16 : DType::f32;
  Context ctx(device, compute, static_cast<int>(config.threads));
  ctx.set_allow_tf32(config.tf32);
  ctx.state<ops::TransformChoice>().method = config.transforms;
  return ctx;
}

EvaluationOptions Assembly::evaluation_options() const {
  return {.micro_batch = config.batch.per_device,
          .samples = config.evaluate_samples,
          .threads = static_cast<int>(loading_of(config.data).threads),
          .ranks = comm.get()};
}

data::LoaderOptions Assembly::loader_options(std::int64_t start_step) const {
  const LoadingKeys keys = loading_of(config.data);
  return {.micro_batch = config.batch.per_device,
          .global_batch = config.batch.global,
          .rank = comm->rank(),
          .world = comm->world(),
          .seed = config.seed,
          .shuffle = keys.shuffle,
          .whole_epochs = config.schedule.epochs > 0,
          .threads = static_cast<int>(keys.threads),
          .prefetch = keys.prefetch,
          .start_step = start_step,
          .repeats = keys.repeats};
}

std::unique_ptr<Assembly> assemble(const RunConfig& config, AssembleFor what) {
  const std::string& init = config.init.checkpoint;
  std::filesystem::path checkpoint;
  if (!init.empty())
    checkpoint = with_context("init.checkpoint", [&] { return find_checkpoint(init); });
  auto parts = build(config, what, checkpoint);
  if (!init.empty()) take_values(*parts, checkpoint);
  model::refresh_products(parts->ctx, *parts->model);
  return parts;
}

std::unique_ptr<Assembly> assemble_for(const std::filesystem::path& checkpoint,
                                       const RunConfig& config, AssembleFor what) {
  return build(config, what, checkpoint);
}

std::unique_ptr<Assembly> load_checkpoint(const std::filesystem::path& checkpoint, AssembleFor what,
                                          const std::vector<std::string>& sets,
                                          WeightKind weights) {
  CheckpointState state = read_state(checkpoint);
  const RunConfig config =
      sets.empty() ? state.config
                   : parse_config(to_json(state.config), checkpoint.string() + " config", sets);
  auto parts = assemble_for(checkpoint, config, what);
  load_model(checkpoint, parts->visit());
  if (weights == WeightKind::average) load_averages(checkpoint, parts->visit());
  model::refresh_products(parts->ctx, *parts->model);
  return parts;
}

}  // namespace orchid::train
