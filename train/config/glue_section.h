#pragma once

#include <map>

#include "train/config/sections.h"

namespace orchid::train {

/// What differs from the rest of the configuration for one task of GLUE.
struct GlueRecipeConfig {
  std::int64_t epochs = 3;
  std::int64_t batch = 16;
  double learning_rate = 5e-5;
  double weight_decay = 5e-6;
  OptimizerKind optimizer = OptimizerKind::decoupled_adamw;
  model::Pooling pooling = model::Pooling::first;
  std::int64_t evaluate_every = 0;
  std::int64_t train_rows = 0;
  bool float32 = false;
  std::vector<std::uint64_t> seeds = {19};

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("epochs", self.epochs, "passes over the training data");
    field("batch", self.batch, "samples of a step");
    field("learning_rate", self.learning_rate, "peak learning rate");
    field("weight_decay", self.weight_decay, "weight decay");
    field("optimizer", self.optimizer, "form of the weight decay, as optimizer.type");
    field("pooling", self.pooling, "what stands for a sample: its first position, or the mean");
    field("evaluate_every", self.evaluate_every, "steps between evaluations; 0: at the end only");
    field("train_rows", self.train_rows, "train on so many rows, drawn by the seed; 0: all");
    field("float32", self.float32, "compute in float32, whatever precision says");
    field("seeds", self.seeds, "one run each");
  }
};

/// The GLUE protocol: which runs `orchid glue` makes of a configuration.
struct GlueConfig {
  std::vector<std::string> tasks = {};
  std::vector<std::uint64_t> seeds = {};
  std::vector<std::string> from_mnli = {"rte", "mrpc", "stsb"};
  std::map<std::string, GlueRecipeConfig> recipes = {};
  bool published_pooling = false;
  bool submission = true;
  std::int64_t workers = 0;

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("tasks", self.tasks, "tasks to fine-tune on; empty: all that have a recipe");
    field("seeds", self.seeds, "one run each, for every task; empty: those of its recipe");
    field("from_mnli", self.from_mnli,
          "tasks of the second round: they start from the final weights of MNLI");
    field("recipes", self.recipes,
          "by task (cola, sst2, mrpc, qqp, stsb, mnli, qnli, rte, wnli): length, batch, optimizer, "
          "pooling, seeds");
    field("published_pooling", self.published_pooling,
          "for parity with the published M2 runs, whose QNLI pooling leaked into all later tasks: "
          "mean for QNLI, SST-2, STS-B, MRPC and CoLA");
    field("submission", self.submission,
          "predict the test sets and write files for the leaderboard");
    field("workers", self.workers, "runs at a time; 0: one a GPU, or one on the CPU");
  }
};

}  // namespace orchid::train
