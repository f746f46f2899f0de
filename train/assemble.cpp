#include "train/assemble.h"

#include <cstdio>

#include "data/text/mlm.h"
#include "kernels/core/cuda_part.h"
#include "train/config/load.h"

namespace orchid::train {
namespace {

/// All runs are judged by the same masks.
constexpr std::uint64_t kEvaluationSeed = 0;

const TextShardsConfig& text_of(const RunConfig& config) {
  return std::get<TextShardsConfig>(config.data);
}

std::unique_ptr<data::MlmDataset> open_text(const RunConfig& config, const std::string& directory,
                                            const char* key, const data::MaskOptions& mask) {
  return with_context(key, [&] {
    auto shards = std::make_shared<data::TokenShards>(data::TokenShards::open(directory));
    auto dataset = std::make_unique<data::MlmDataset>(shards, text_of(config).length, mask);
    ORCHID_CHECK_INPUT(dataset->size() > 0, directory, ": no sample in it");
    const std::int64_t pieces = dataset->vocabulary().size();
    const std::int64_t rows = std::get<model::BertConfig>(config.model).vocabulary;
    ORCHID_CHECK_USAGE(rows >= pieces, "model.vocabulary: expected at least ", pieces,
                       ", the pieces of ", directory, ", got ", rows);
    return dataset;
  });
}

void open_data(Assembly& parts, AssembleFor what) {
  const RunConfig& config = parts.config;
  const TextShardsConfig& text = text_of(config);
  const auto& task = std::get<MlmTaskConfig>(config.task);
  if (what == AssembleFor::training) {
    auto train = open_text(config, text.train, "data.train",
                           {.probability = task.mask_rate, .seed = config.seed});
    parts.vocabulary = train->vocabulary().text();
    parts.train = std::move(train);
  }
  if (text.valid.empty()) {
    ORCHID_CHECK_USAGE(what == AssembleFor::training, "data.valid: required, and missing");
    return;
  }
  auto valid = open_text(config, text.valid, "data.valid",
                         {.probability = task.evaluation_mask_rate, .seed = kEvaluationSeed});
  const std::string vocabulary = valid->vocabulary().text();
  ORCHID_CHECK_INPUT(parts.vocabulary.empty() || vocabulary == parts.vocabulary,
                     "data.valid: ", text.valid, ": its vocabulary is not that of ", text.train);
  parts.vocabulary = vocabulary;
  parts.valid = std::move(valid);
}

/// Content of a checkpoint's vocab.txt; empty without one.
std::string checkpoint_vocabulary(const std::filesystem::path& checkpoint) {
  const std::filesystem::path file = checkpoint / kVocabularyFile;
  return std::filesystem::exists(file) ? data::Vocabulary::load(file).text() : "";
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
  return ctx;
}

std::int64_t Assembly::length() const {
  return text_of(config).length;
}
int Assembly::loader_threads() const {
  return static_cast<int>(text_of(config).threads);
}
std::int64_t Assembly::prefetch() const {
  return text_of(config).prefetch;
}
bool Assembly::shuffle() const {
  return text_of(config).shuffle;
}

std::unique_ptr<Assembly> assemble(const RunConfig& config, AssembleFor what) {
  auto parts = std::make_unique<Assembly>(Assembly{.config = config, .ctx = make_context(config)});
  if (what != AssembleFor::model_alone) open_data(*parts, what);
  parts->model = model::build_model(parts->ctx, config.model, config.seed);
  model::refresh_products(parts->ctx, *parts->model);
  return parts;
}

void check_vocabulary(const std::filesystem::path& checkpoint, const Assembly& parts) {
  const std::string trained = checkpoint_vocabulary(checkpoint);
  ORCHID_CHECK_INPUT(trained.empty() || trained == parts.vocabulary, checkpoint.string(),
                     ": trained with another vocabulary than that of the data");
}

std::unique_ptr<Assembly> load_checkpoint(const std::filesystem::path& checkpoint, AssembleFor what,
                                          const std::vector<std::string>& sets) {
  CheckpointState state = read_state(checkpoint);
  const RunConfig config =
      sets.empty() ? state.config
                   : parse_config(to_json(state.config), checkpoint.string() + " config", sets);
  auto parts = assemble(config, what);
  load_model(checkpoint, parts->visit());
  model::refresh_products(parts->ctx, *parts->model);
  if (parts->vocabulary.empty()) {
    parts->vocabulary = checkpoint_vocabulary(checkpoint);
  } else {
    check_vocabulary(checkpoint, *parts);
  }
  return parts;
}

}  // namespace orchid::train
