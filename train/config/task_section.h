#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "model/config_enums.h"

namespace orchid::train {

// In the pattern of model/config.h: what a run learns.

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

/// One class a picture: cross entropy, in training over smoothed and mixed targets (spec
/// experiments 3.4).
struct ImageClassificationTaskConfig {
  static constexpr const char* type = "image_classification";
  std::int64_t classes = 1000;
  std::vector<std::string> labels = {};
  double label_smoothing = 0.1;
  bool double_smoothing = false;

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("classes", self.classes, "number of classes; as many as the pictures have");
    field(
        "labels", self.labels,
        "their names, in the order of the classes, as the data have them; empty: taken from there");
    field("label_smoothing", self.label_smoothing,
          "share of a target that is spread over all classes; in training alone");
    field("double_smoothing", self.double_smoothing,
          "smooth twice, as the published S4ND and Hyena runs did: 0.1 acts as 0.19");
  }
};
using TaskConfig = std::variant<MlmTaskConfig, ClassificationTaskConfig, RegressionTaskConfig,
                                ImageClassificationTaskConfig>;

}  // namespace orchid::train
