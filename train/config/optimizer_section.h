#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/core/enum_names.h"

namespace orchid {
namespace train {

// In the pattern of model/config.h: how parameters are updated.

enum class OptimizerKind { adamw, decoupled_adamw };
enum class ScheduleKind { linear, cosine, constant, cosine_to_rate };
enum class ScheduleUnit { step, epoch };

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
  double layer_decay = 1;

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
    field(
        "layer_decay", self.layer_decay,
        "each block's rate over that of the one above it; the head keeps its rate, the embeddings "
        "have the lowest; 1: off");
  }
};

/// Factor on the learning rate by samples seen, or by steps where the length is given in epochs.
/// cosine_to_rate: the schedule that vision recipes use, between absolute rates and by epochs.
struct ScheduleConfig {
  ScheduleKind type = ScheduleKind::linear;
  std::int64_t steps = 70000;
  double warmup_fraction = 0.06;
  double final_fraction = 0.02;
  std::int64_t epochs = 0;
  double warmup_epochs = 10;
  double warmup_rate = 1e-6;
  double final_rate = 1e-5;
  std::int64_t cooldown_epochs = 0;
  ScheduleUnit update = ScheduleUnit::epoch;

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("type", self.type, "how the rate falls after the linear warm-up");
    field("steps", self.steps, "optimizer steps of the run");
    field("epochs", self.epochs,
          "length of the run in passes over the training data, instead of steps; each ends with a "
          "smaller step for the samples that are left");
    field("warmup_fraction", self.warmup_fraction, "share of the run that warms up from 0");
    field("final_fraction", self.final_fraction, "last learning rate over the peak");
    field("warmup_epochs", self.warmup_epochs, "cosine_to_rate: epochs that warm up");
    field("warmup_rate", self.warmup_rate, "cosine_to_rate: first learning rate, of every group");
    field("final_rate", self.final_rate, "cosine_to_rate: last learning rate, of every group");
    field("cooldown_epochs", self.cooldown_epochs,
          "cosine_to_rate: epochs of `epochs`, the last ones, at final_rate");
    field("update", self.update, "cosine_to_rate: a new rate each epoch, or each step");
  }
};

/// A second set of weights: the moving average of those that are trained.
struct EmaConfig {
  double decay = 0;
  bool warmup = false;

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("decay", self.decay,
          "average = decay * average + (1 - decay) * weights after each step; evaluated beside the "
          "weights, and used where --ema asks for it; 0: none");
    field("warmup", self.warmup, "decay is (1 + t) / (10 + t) after t updates, as long as lower");
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
  static constexpr EnumName<K> values[] = {{K::linear, "linear"},
                                           {K::cosine, "cosine"},
                                           {K::constant, "constant"},
                                           {K::cosine_to_rate, "cosine_to_rate"}};
};
template <>
struct EnumNames<train::ScheduleUnit> {
  using U = train::ScheduleUnit;
  static constexpr EnumName<U> values[] = {{U::step, "step"}, {U::epoch, "epoch"}};
};

}  // namespace orchid
