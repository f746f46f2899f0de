#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "kernels/core/enum_names.h"
#include "model/config_enums.h"

namespace orchid {
namespace train {

// The sections of a run's configuration, in the pattern of model/config.h.

enum class OptimizerKind { adamw, decoupled_adamw };
enum class ScheduleKind { linear, cosine, constant };

/// Masked language modelling, spec bert_glue 3.2: of the selected tokens 80 % become [MASK], 10 %
/// a random piece, 10 % stay.
struct MlmTaskConfig {
  static constexpr const char* type = "mlm";
  double mask_rate = 0.3;
  double evaluation_mask_rate = 0.15;

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("mask_rate", self.mask_rate, "share of tokens to predict in training");
    field("evaluation_mask_rate", self.evaluation_mask_rate,
          "the same in evaluation, one fixed draw");
  }
};

/// One class a sample: cross entropy over a pooled head (spec bert_glue 1.6).
struct ClassificationTaskConfig {
  static constexpr const char* type = "classification";
  std::int64_t classes = 2;
  std::vector<std::string> labels = {};
  model::Pooling pooling = model::Pooling::first;
  double dropout = 0.1;

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("classes", self.classes, "number of classes");
    field("labels", self.labels, "their names, in the order of the classes; may be empty");
    field("pooling", self.pooling, "what stands for a sample: its first position, or the mean");
    field("dropout", self.dropout, "dropout before the classifier");
  }
};

/// One number a sample: squared error over a pooled head.
struct RegressionTaskConfig {
  static constexpr const char* type = "regression";
  model::Pooling pooling = model::Pooling::first;
  double dropout = 0.1;

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("pooling", self.pooling, "what stands for a sample: its first position, or the mean");
    field("dropout", self.dropout, "dropout before the last layer");
  }
};
using TaskConfig = std::variant<MlmTaskConfig, ClassificationTaskConfig, RegressionTaskConfig>;

/// Folders of token shards, as `orchid data tokenize` writes them.
struct TextShardsConfig {
  static constexpr const char* type = "text_shards";
  std::string train;
  std::string valid;
  std::int64_t length = 128;
  bool shuffle = true;
  std::int64_t threads = 1;
  std::int64_t prefetch = 4;

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("train", self.train, "folder of the training shards");
    field("valid", self.valid, "folder of the validation shards; empty: no evaluation");
    field("length", self.length, "tokens of a sample, L; as the shards were made");
    field("shuffle", self.shuffle, "a new order of the training samples each epoch");
    field("threads", self.threads, "threads that prepare batches; 0: the training thread does");
    field("prefetch", self.prefetch, "batches kept ready");
  }
};

/// One of the sets of GLUE, from the folder of the official download.
struct GlueDataConfig {
  static constexpr const char* type = "glue";
  std::string directory;
  std::string task;
  std::string vocabulary;
  std::int64_t length = 128;
  std::int64_t train_rows = 0;
  bool shuffle = true;
  std::int64_t threads = 1;
  std::int64_t prefetch = 4;

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("directory", self.directory, "folder that holds CoLA/, SST-2/, ...");
    field("task", self.task, "cola | sst2 | mrpc | qqp | stsb | mnli | qnli | rte | wnli");
    field("vocabulary", self.vocabulary,
          "vocab.txt; empty: that of the checkpoint the run starts from");
    field("length", self.length, "tokens of a sample, L");
    field("train_rows", self.train_rows, "train on so many rows, drawn by the seed; 0: all");
    field("shuffle", self.shuffle, "a new order of the training samples each epoch");
    field("threads", self.threads, "threads that prepare batches; 0: the training thread does");
    field("prefetch", self.prefetch, "batches kept ready");
  }
};
using DataConfig = std::variant<TextShardsConfig, GlueDataConfig>;

/// Overrides for the parameters whose path a pattern matches; the first matching group counts.
struct OptimizerGroupConfig {
  std::string match;
  std::optional<double> learning_rate;
  std::optional<double> weight_decay;

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("match", self.match, "pattern over parameter paths: * any text, ? one character");
    field("learning_rate", self.learning_rate, "peak learning rate instead of the global one");
    field("weight_decay", self.weight_decay, "weight decay instead of the global one");
  }
};

struct OptimizerConfig {
  OptimizerKind type = OptimizerKind::decoupled_adamw;
  double learning_rate = 8e-4;
  std::array<double, 2> betas = {0.9, 0.98};
  double epsilon = 1e-6;
  double weight_decay = 1e-5;
  std::vector<OptimizerGroupConfig> groups = {};

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("type", self.type,
          "adamw decays by rate * weight_decay a step, decoupled_adamw by rate / peak rate * "
          "weight_decay");
    field("learning_rate", self.learning_rate, "peak learning rate");
    field("betas", self.betas, "decay of the first and second moments");
    field("epsilon", self.epsilon, "added to the root of the second moment");
    field("weight_decay", self.weight_decay, "weight decay, of every tensor");
    field("groups", self.groups, "overrides by parameter path");
  }
};

/// Factor on the learning rate by samples seen, or by steps where the length is given in epochs.
struct ScheduleConfig {
  ScheduleKind type = ScheduleKind::linear;
  std::int64_t steps = 70000;
  double warmup_fraction = 0.06;
  double final_fraction = 0.02;
  std::int64_t epochs = 0;

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("type", self.type, "how the rate falls after the linear warm-up");
    field("steps", self.steps, "optimizer steps of the run");
    field("epochs", self.epochs,
          "length of the run in passes over the training data, instead of steps; each ends with a "
          "smaller step for the samples that are left");
    field("warmup_fraction", self.warmup_fraction, "share of the run that warms up from 0");
    field("final_fraction", self.final_fraction, "last learning rate over the peak");
  }
};

/// Where the values of the parameters come from, instead of being drawn.
struct InitConfig {
  std::string checkpoint;
  std::vector<std::string> fresh = {"head.classifier.*"};

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("checkpoint", self.checkpoint,
          "run or checkpoint whose parameters start this run, as far as it has them; empty: none");
    field("fresh", self.fresh, "patterns of parameters to draw anew all the same");
  }
};

struct BatchConfig {
  std::int64_t global = 4096;
  std::int64_t per_device = 128;

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("global", self.global, "samples of one optimizer step");
    field("per_device", self.per_device,
          "samples computed at once; their gradients add up to the global batch");
  }
};

struct CheckpointConfig {
  std::int64_t every = 7000;
  std::int64_t keep = 2;
  bool best = false;

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("every", self.every, "steps between checkpoints; 0: at the end only");
    field("keep", self.keep, "newest checkpoints to keep");
    field("best", self.best,
          "also save when the validation loss is the lowest so far, and keep that one");
  }
};

}  // namespace train

template <>
struct EnumNames<train::OptimizerKind> {
  using K = train::OptimizerKind;
  static constexpr EnumName<K> values[] = {{K::adamw, "adamw"},
                                           {K::decoupled_adamw, "decoupled_adamw"}};
};
template <>
struct EnumNames<train::ScheduleKind> {
  using K = train::ScheduleKind;
  static constexpr EnumName<K> values[] = {
      {K::linear, "linear"}, {K::cosine, "cosine"}, {K::constant, "constant"}};
};

}  // namespace orchid
