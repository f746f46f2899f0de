#pragma once

#include "model/vit_config.h"

namespace orchid::model {

// As in mixer_config.h, each struct lists its fields once, and an initialiser is the default.

/// BERT-style encoder with the tied masked-language-model head.
struct BertConfig {
  static constexpr const char* type = "bert";
  std::int64_t vocabulary = 30528;
  std::int64_t length = 128;
  std::int64_t segments = 2;
  Positions positions = Positions::learned;
  double dropout = 0.1;
  EncoderConfig encoder;

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("vocabulary", self.vocabulary,
          "rows of the token table; the pieces, rounded up to a multiple of 8");
    field("length", self.length, "positions the model can take, L");
    field("segments", self.segments, "rows of the token-type table");
    field("positions", self.positions, "position embeddings");
    field("dropout", self.dropout, "dropout after the embeddings");
    field("encoder", self.encoder, "the stack of blocks");
  }
};

using ModelConfig = std::variant<BertConfig, VitConfig>;

/// What a network ends with. It follows from the task, so it has no keys of its own.
struct MlmHeadConfig {};
struct PooledHeadConfig {
  std::int64_t outputs = 2;  ///< classes, or 1 for a regression
  Pooling pooling = Pooling::first;
  double dropout = 0.1;
};
/// A linear classifier of what a ViT reads out.
struct ClassifierHeadConfig {
  std::int64_t outputs = 2;  ///< classes
};
using HeadConfig = std::variant<MlmHeadConfig, PooledHeadConfig, ClassifierHeadConfig>;

/// Throws a usage Error that names the key and the rule, as far as the model alone can tell:
/// "model: encoder: mixer: conditioning_width: expected an odd number, got 4".
void validate(const ModelConfig&);
/// The same for an operator alone, on sequences of at most `length`.
void validate(const OrchidMixerConfig&, std::int64_t length);

}  // namespace orchid::model
