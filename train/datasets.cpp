#include "train/datasets.h"

#include <sstream>
#include <utility>

#include "data/image/images.h"
#include "data/loader.h"
#include "data/text/mlm.h"

namespace orchid::train {
namespace {

/// All runs are judged by the same masks.
constexpr std::uint64_t kEvaluationSeed = 0;

std::unique_ptr<data::MlmDataset> open_shards(const RunConfig& config, const std::string& directory,
                                              const char* key, const data::MaskOptions& mask) {
  return with_context(key, [&] {
    auto shards = std::make_shared<data::TokenShards>(data::TokenShards::open(directory));
    auto dataset = std::make_unique<data::MlmDataset>(
        shards, std::get<TextShardsConfig>(config.data).length, mask);
    ORCHID_CHECK_INPUT(dataset->size() > 0, directory, ": no sample in it");
    return dataset;
  });
}

void check_rows(const RunConfig& config, std::int64_t pieces, const std::string& origin) {
  const std::int64_t rows = std::get<model::BertConfig>(config.model).vocabulary;
  ORCHID_CHECK_USAGE(rows >= pieces, "model.vocabulary: expected at least ", pieces,
                     ", the pieces of ", origin, ", got ", rows);
}

OpenedData open(const TextShardsConfig& text, const RunConfig& config, OpenFor what,
                const std::string&) {
  const auto& task = std::get<MlmTaskConfig>(config.task);
  OpenedData opened;
  if (what == OpenFor::training) {
    auto train = open_shards(config, text.train, "data.train",
                             {.probability = task.mask_rate, .seed = config.seed});
    check_rows(config, train->vocabulary().size(), text.train);
    opened.vocabulary = train->vocabulary().text();
    opened.train = std::move(train);
  }
  if (text.valid.empty()) {
    ORCHID_CHECK_USAGE(what == OpenFor::training, "data.valid: required, and missing");
    return opened;
  }
  auto valid = open_shards(config, text.valid, "data.valid",
                           {.probability = task.evaluation_mask_rate, .seed = kEvaluationSeed});
  check_rows(config, valid->vocabulary().size(), text.valid);
  const std::string vocabulary = valid->vocabulary().text();
  ORCHID_CHECK_INPUT(opened.vocabulary.empty() || vocabulary == opened.vocabulary,
                     "data.valid: ", text.valid, ": its vocabulary is not that of ", text.train);
  opened.vocabulary = vocabulary;
  opened.valid.push_back({"valid", std::move(valid)});
  return opened;
}

/// The vocabulary of GLUE's texts: the one named, or the checkpoint's.
data::Vocabulary glue_vocabulary(const RunConfig& config, const std::string& of_checkpoint) {
  const std::string& file = std::get<GlueDataConfig>(config.data).vocabulary;
  ORCHID_CHECK_USAGE(!file.empty() || !of_checkpoint.empty(),
                     "data.vocabulary: required without a checkpoint to take it from; name a "
                     "vocab.txt");
  data::Vocabulary vocabulary = file.empty()
                                    ? vocabulary_of(of_checkpoint, "the checkpoint's vocab.txt")
                                    : data::Vocabulary::load(file);
  ORCHID_CHECK_INPUT(
      of_checkpoint.empty() || vocabulary.text() == of_checkpoint, "data.vocabulary: ", file,
      ": not the vocabulary that the checkpoint was trained with; leave the key out");
  check_rows(config, vocabulary.size(), file.empty() ? "the checkpoint" : file);
  return vocabulary;
}

OpenedData open(const GlueDataConfig& glue, const RunConfig& config, OpenFor what,
                const std::string& of_checkpoint) {
  const data::GlueTask& task = data::glue_task(glue.task);
  const data::Vocabulary vocabulary = glue_vocabulary(config, of_checkpoint);
  const data::PairEncoder encoder(vocabulary, glue.length, task.pair);
  const data::Labels labels = task.labels.empty() ? data::Labels::scores : data::Labels::classes;
  OpenedData opened;
  opened.vocabulary = vocabulary.text();
  const auto part = [&](const char* name) {
    data::GlueRows rows = data::read_glue(task, glue.directory, name);
    for (std::string& note : rows.notes) opened.notes.push_back(std::move(note));
    if (std::string(name) == "train" && glue.train_rows > 0)
      data::limit_examples(rows.examples, glue.train_rows, config.seed);
    return std::make_unique<data::LabelledText>(rows.examples, encoder, labels);
  };
  if (what == OpenFor::training) opened.train = part("train");
  opened.valid.push_back({"valid", part("dev")});
  if (glue.task == "mnli") opened.valid.push_back({"valid_mismatched", part("dev_mismatched")});
  return opened;
}

/// Names the damaged pictures of a set as they are met.
std::unique_ptr<data::Dataset> watched(std::unique_ptr<data::ImageDataset> set,
                                       const std::shared_ptr<LateNotes>& notes) {
  if (set) set->on_damaged([notes](const std::string& line) { notes->add(line); });
  return set;
}

OpenedData open(const data::ImageDataOptions& images, const RunConfig& config, OpenFor what,
                const std::string&) {
  const auto& task = std::get<ImageClassificationTaskConfig>(config.task);
  data::OpenedImages sets = with_context("data", [&] {
    return data::open_image_data(images, config.seed, what == OpenFor::training, task.labels);
  });
  const std::string& origin = images.train;
  ORCHID_CHECK_USAGE(std::ssize(sets.classes) == task.classes, "task.classes: expected ",
                     sets.classes.size(), ", the classes of ", origin, ", got ", task.classes);
  OpenedData opened;
  opened.classes = std::move(sets.classes);
  opened.notes = std::move(sets.notes);
  opened.train = watched(std::move(sets.train), opened.late_notes);
  ORCHID_CHECK_USAGE(sets.valid || what == OpenFor::training, "data.valid: required, and missing");
  if (sets.valid)
    opened.valid.push_back({"valid", watched(std::move(sets.valid), opened.late_notes)});
  return opened;
}

}  // namespace

void LateNotes::add(const std::string& note) {
  const std::lock_guard lock(mutex_);
  notes_.push_back(note);
}

std::vector<std::string> LateNotes::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(notes_, {});
}

OpenedData open_data(const RunConfig& config, OpenFor what, const std::string& vocabulary) {
  return std::visit([&](const auto& data) { return open(data, config, what, vocabulary); },
                    config.data);
}

std::unique_ptr<data::LabelledText> open_unlabelled(const RunConfig& config,
                                                    const data::GlueTask& task,
                                                    const std::string& part,
                                                    const std::string& vocabulary,
                                                    std::vector<std::string>& notes) {
  const auto& glue = std::get<GlueDataConfig>(config.data);
  const data::Vocabulary pieces = vocabulary_of(vocabulary, "the checkpoint's vocab.txt");
  const data::PairEncoder encoder(pieces, glue.length, task.pair);
  const data::GlueRows rows = data::read_glue(task, glue.directory, part);
  notes.insert(notes.end(), rows.notes.begin(), rows.notes.end());
  return std::make_unique<data::LabelledText>(rows.examples, encoder, data::Labels::none);
}

data::Vocabulary vocabulary_of(const std::string& text, const std::string& origin) {
  ORCHID_CHECK_INPUT(!text.empty(), origin, ": missing");
  std::vector<std::string> pieces;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) pieces.push_back(line);
  return data::Vocabulary(std::move(pieces), origin);
}

std::int64_t length_of(const RunConfig& config) {
  if (const auto* text = std::get_if<TextShardsConfig>(&config.data)) return text->length;
  if (const auto* glue = std::get_if<GlueDataConfig>(&config.data)) return glue->length;
  return std::get<model::VitConfig>(config.model).length();
}

LoadingKeys loading_of(const DataConfig& config) {
  LoadingKeys keys = std::visit(
      [](const auto& data) {
        return LoadingKeys{data.threads, data.prefetch, data.shuffle};
      },
      config);
  if (const auto* images = std::get_if<data::ImageDataOptions>(&config))
    keys.repeats = images->repeats;
  return keys;
}

std::int64_t epoch_samples(const RunConfig& config, std::int64_t samples) {
  return data::epoch_samples(samples, loading_of(config.data).repeats);
}

std::int64_t steps_per_epoch(const RunConfig& config, std::int64_t samples) {
  return (epoch_samples(config, samples) + config.batch.global - 1) / config.batch.global;
}

}  // namespace orchid::train
