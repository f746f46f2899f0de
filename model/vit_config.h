#pragma once

#include "model/encoder_config.h"

namespace orchid::model {

/// The encoder of Orchid-ViT-b: pre-norm blocks, a plain block-diagonal MLP with biases, and the
/// operator with the sizes that give 48 M parameters.
inline EncoderConfig vit_encoder() {
  OrchidMixerConfig mixer;
  mixer.short_conv = 5;
  mixer.table_length = 1024;
  mixer.filter.features = 33;
  mixer.filter.inner_layers = 1;
  EncoderConfig encoder;
  encoder.mixer = mixer;
  encoder.mlp = {.gated = false, .expansion = 4, .blocks = 4, .input_bias = true};
  encoder.norm = BlockNorm::pre;
  encoder.norm_epsilon = 1e-5;
  encoder.dropout = 0;
  return encoder;
}

/// ViT-style encoder of a picture's patches, with a linear classifier of one vector a picture.
struct VitConfig {
  static constexpr const char* type = "vit";
  std::int64_t image_size = 224;
  std::int64_t patch = 16;
  std::int64_t channels = 3;
  PatchPositions positions = PatchPositions::learned;
  bool class_token = false;
  double dropout = 0;
  EncoderConfig encoder = vit_encoder();

  /// Positions of the encoder: patches in row order, after the class token if there is one.
  std::int64_t length() const {
    return (image_size / patch) * (image_size / patch) + (class_token ? 1 : 0);
  }

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("image_size", self.image_size, "height and width of the pictures, pixels");
    field("patch", self.patch, "height and width of a patch; divides image_size");
    field("channels", self.channels, "values of a pixel: 3, or 1 for grey pictures");
    field("positions", self.positions, "position embeddings");
    field("class_token", self.class_token,
          "put a trained vector before the patches and classify what becomes of it; else the mean "
          "of all patches is classified");
    field("dropout", self.dropout, "dropout of patches with their positions");
    field("encoder", self.encoder, "the stack of blocks");
  }
};

}  // namespace orchid::model
