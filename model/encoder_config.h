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
  double drop_path = 0;

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
    field("drop_path", self.drop_path,
          "rate at which a sample skips a mixer or an MLP in the last block; grows evenly from 0 "
          "in the first");
  }
};

}  // namespace orchid::model
