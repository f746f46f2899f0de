#pragma once

#include "model/vit.h"
#include "tests/support/op_check.h"

namespace orchid::test {

constexpr std::int64_t kPictureClasses = 5;

/// A ViT small enough for central differences at all its parameters: 9 patches of 2 x 2 pixels.
inline model::VitConfig tiny_vit() {
  model::VitConfig config;
  config.image_size = 6;
  config.patch = 2;
  config.channels = 2;
  config.encoder.width = 8;
  config.encoder.layers = 2;
  config.encoder.mlp.expansion = 2;
  config.encoder.mlp.blocks = 2;
  auto& mixer = std::get<model::OrchidMixerConfig>(config.encoder.mixer);
  mixer.short_conv = 3;
  mixer.table_length = 16;
  mixer.filter.features = 5;
  mixer.filter.width = 6;
  return config;
}

inline std::unique_ptr<model::Model> build_vit(Context& ctx, const model::VitConfig& config,
                                               std::int64_t classes = kPictureClasses) {
  return model::build_model(ctx, config, 1, model::ClassifierHeadConfig{classes});
}

inline model::Input random_pictures(const Context& ctx, const model::VitConfig& config,
                                    std::int64_t batch, std::uint64_t seed = 1) {
  const Shape shape{batch, config.image_size, config.image_size, config.channels};
  model::Input input;
  input.images = upload(ctx, random_array(shape.count(), seed), shape, DType::f32);
  return input;
}

}  // namespace orchid::test
