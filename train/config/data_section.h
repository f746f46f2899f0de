#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "data/image/options.h"

namespace orchid::train {

// In the pattern of model/config.h: what it learns from.

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
using DataConfig = std::variant<TextShardsConfig, GlueDataConfig, data::ImageDataOptions>;

}  // namespace orchid::train
