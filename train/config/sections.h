#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "train/config/data_section.h"
#include "train/config/optimizer_section.h"
#include "train/config/task_section.h"

namespace orchid::train {

// The sections of a run's configuration, in the pattern of model/config.h.

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

}  // namespace orchid::train
