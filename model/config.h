#pragma once

#include "model/mixer_config.h"

namespace orchid::model {

// As in mixer_config.h, each struct lists its fields once, and an initialiser is the default.

/// Channel mixing. gated: GELU(W1 x) * (W2 x), else GELU(W1 x); both then W3, with bias.
struct MlpConfig {
  bool gated = true;
  std::int64_t expansion = 4;
  std::int64_t blocks = 4;
  bool input_bias = false;

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("gated", self.gated, "gated (GLU with exact GELU) or plain");
    field("expansion", self.expansion, "hidden width over model width");
    field("blocks", self.blocks, "blocks of the block-diagonal weights; 1: dense");
    field("input_bias", self.input_bias, "bias in the first layer");
  }
};

struct EncoderConfig {
  std::int64_t width = 768;
  std::int64_t layers = 12;
  MixerConfig mixer;
  MlpConfig mlp;
  BlockNorm norm = BlockNorm::post;
  bool mixer_residual = false;
  double norm_epsilon = 1e-12;
  double dropout = 0.1;
  double residual_dropout = 0;

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("width", self.width, "channels of the residual stream, D");
    field("layers", self.layers, "blocks in the encoder");
    field("mixer", self.mixer, "what mixes positions; chosen by mixer.type");
    field("mlp", self.mlp, "what mixes channels");
    field("norm", self.norm, "post: y = LN(a + MLP(a)); pre: y = a + MLP(LN(a))");
    field("mixer_residual", self.mixer_residual,
          "post only: a = LN(x + Mixer(x)) instead of the M2 layer's a = Mixer(x)");
    field("norm_epsilon", self.norm_epsilon, "epsilon of the layer norms");
    field("dropout", self.dropout, "dropout inside the MLP");
    field("residual_dropout", self.residual_dropout,
          "dropout of what the mixer and the MLP give, before it is added (BERT's)");
  }
};

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

using ModelConfig = std::variant<BertConfig>;

/// What a network ends with. It follows from the task, so it has no keys of its own.
struct MlmHeadConfig {};
struct PooledHeadConfig {
  std::int64_t outputs = 2;  ///< classes, or 1 for a regression
  Pooling pooling = Pooling::first;
  double dropout = 0.1;
};
using HeadConfig = std::variant<MlmHeadConfig, PooledHeadConfig>;

/// Throws a usage Error that names the key and the rule, as far as the model alone can tell:
/// "model: encoder: mixer: conditioning_width: expected an odd number, got 4".
void validate(const ModelConfig&);
/// The same for an operator alone, on sequences of at most `length`.
void validate(const OrchidMixerConfig&, std::int64_t length);

}  // namespace orchid::model
