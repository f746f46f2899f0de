// ViT on a GPU, or on the host executor in its place, beside the CPU.

#include "tests/device/training.h"

using namespace orchid;
using namespace orchid::test;

namespace {

/// Rounding to bf16 at each of about twenty ops in a row.
constexpr double kBf16Loss = 2e-2;
constexpr std::int64_t kClasses = 6;

/// Two blocks of Orchid over 16 patches of 4 x 4 pixels, with every part of the default ViT.
model::VitConfig small_vit() {
  model::VitConfig config;
  config.image_size = 16;
  config.patch = 4;
  config.encoder.width = 16;
  config.encoder.layers = 2;
  config.encoder.mlp.expansion = 2;
  config.encoder.mlp.blocks = 2;
  config.encoder.drop_path = 0.4;  // of five samples some stay, some go
  auto& mixer = std::get<model::OrchidMixerConfig>(config.encoder.mixer);
  mixer.table_length = 20;
  mixer.filter.features = 5;
  mixer.filter.width = 8;
  return config;
}

train::TaskConfig classes() {
  train::ImageClassificationTaskConfig task;
  task.classes = kClasses;
  task.label_smoothing = 0.1;
  return task;
}

/// Random pictures; with `mixed`, of two classes each.
data::Batch random_pictures(const model::VitConfig& config, std::int64_t rows, std::uint64_t seed,
                            bool mixed = true) {
  const Shape shape{rows, config.image_size, config.image_size, config.channels};
  data::Batch batch;
  batch.images = Tensor::empty(shape, DType::f32, make_host_pool());
  const Array pixels = random_array(shape.count(), seed);
  std::copy(pixels.begin(), pixels.end(), batch.images.data<float>());
  batch.targets = random_integers({rows}, kClasses, seed, 1);
  batch.samples = rows;
  if (!mixed) return batch;
  batch.partners = random_integers({rows}, kClasses, seed, 2);
  batch.shares = Tensor::empty({rows}, DType::f32, make_host_pool());
  std::fill_n(batch.shares.data<float>(), rows, 0.7f);
  return batch;
}

}  // namespace

TEST_CASE("device: ViT's loss, gradients and updates equal the CPU's", "[device][vit]") {
  model::VitConfig config = small_vit();
  bool mixed = true;
  SECTION("Orchid, learned positions, mean") {}
  SECTION("Orchid, class token, fixed positions, dropout, plain classes") {
    config.class_token = true;
    config.positions = model::PatchPositions::sinusoidal;
    config.dropout = 0.1;
    mixed = false;
  }
  SECTION("attention, class token, an odd width") {
    config.class_token = true;
    config.encoder.width = 15;
    config.encoder.mlp.blocks = 1;
    config.encoder.mixer = model::AttentionMixerConfig{.heads = 3, .qkv_bias = false};
  }
  Context cpu({}, DType::f32, 1);
  Network expected(cpu, config, false, classes()), got(test_context(), config, false, classes());
  check_trains_alike(expected, got, 3, [&](std::uint64_t number) {
    return random_pictures(config, 5, number, mixed);
  });
}

TEST_CASE("device: recorded steps of ViT give the bits of direct ones", "[device][vit]") {
  model::VitConfig config = small_vit();
  config.class_token = GENERATE(false, true);
  Network direct(test_context(), config, false, classes());
  Network recorded(test_context(), config, true, classes());
  check_same_bits(direct, recorded, 4,
                  [&](std::uint64_t number) { return random_pictures(config, 5, number); });
  CHECK(recorded.micro().replays() == 3);  // the first is rehearsed
}

TEST_CASE("device: ViT in bf16 follows float32", "[device][vit]") {
  const model::VitConfig config = small_vit();
  Network exact(test_context(), config, false, classes());
  Network rounded(test_context(DType::bf16), config, false, classes());
  for (std::uint64_t number = 0; number < 2; ++number) {
    const data::Batch batch = random_pictures(config, 5, number);
    const train::Score a = exact.step(batch, number), b = rounded.step(batch, number);
    CHECK(b.loss == Approx(a.loss).epsilon(kBf16Loss));
  }
}
