// Sizes of ViT models, against formulas written out here from the shapes of their layers.

#include "model/plan.h"
#include "tests/support/op_check.h"

using namespace orchid;
using namespace orchid::test;
using namespace orchid::model;

namespace {

/// What a count depends on; `table` rows in the positional tables, `positions` and `tokens` trained
/// vectors before the encoder.
struct Sizes {
  std::int64_t image, patch, width, layers, classes;
  std::int64_t mlp_blocks, positions, tokens;
};
struct Operator {
  std::int64_t short_conv, features, hidden, inner, table;
  bool residual;
};

/// Patches, final norm, head, and of each layer its two norms and its plain MLP.
std::int64_t around_mixers(const Sizes& n) {
  const std::int64_t D = n.width, I = 4 * D;
  const std::int64_t embeddings = n.patch * n.patch * 3 * D + D + (n.positions + n.tokens) * D;
  const std::int64_t mlp = 2 * (D * I / n.mlp_blocks) + I + D;
  return embeddings + 2 * D + D * n.classes + n.classes + n.layers * (2 * 2 * D + mlp);
}

/// The operator with phase kernels of three taps under a cosine transform.
std::int64_t orchid_mixer(const Operator& n, std::int64_t D) {
  const std::int64_t filter = D + n.table * n.features + (n.features * n.hidden + n.hidden) +
                              n.hidden + n.inner * (n.hidden * n.hidden + n.hidden) + n.hidden * D;
  const std::int64_t conditioning = 2 * (3 * D + D + 2 * D);
  const std::int64_t projections = D * 3 * D + 3 * D + D * D + D;
  return projections + 3 * D * n.short_conv + 3 * D + (n.residual ? 2 : 1) * filter + conditioning;
}

std::int64_t attention_mixer(std::int64_t D, bool qkv_bias) {
  return 4 * D * D + D + (qkv_bias ? 3 * D : 0);
}

std::int64_t planned(const VitConfig& config, std::int64_t classes) {
  return plan_model(config, 1, 0, 0, {.head = ClassifierHeadConfig{classes}}).parameters;
}

VitConfig cifar(std::int64_t layers) {
  VitConfig config;
  config.image_size = 32;
  config.patch = 4;
  config.encoder.width = 128;
  config.encoder.layers = layers;
  return config;
}

void set_operator(VitConfig& config, const Operator& n) {
  auto& mixer = std::get<OrchidMixerConfig>(config.encoder.mixer);
  mixer.short_conv = n.short_conv;
  mixer.filter.features = n.features;
  mixer.filter.width = n.hidden;
  mixer.filter.inner_layers = n.inner;
  mixer.table_length = n.table;
  mixer.residual_convolution = n.residual;
}

}  // namespace

TEST_CASE("vit: ViT-b has the published parameter count", "[model][vit]") {
  VitConfig config;
  config.class_token = true;
  config.encoder.mixer = AttentionMixerConfig{.heads = 12, .qkv_bias = false};
  config.encoder.mlp.blocks = 1;
  const Sizes sizes{224, 16, 768, 12, 1000, 1, 197, 1};
  CHECK(planned(config, 1000) == around_mixers(sizes) + 12 * attention_mixer(768, false));
  CHECK(planned(config, 1000) == 86'540'008);
  config.encoder.mixer = AttentionMixerConfig{};
  CHECK(planned(config, 1000) == 86'567'656);
  config.encoder.mixer = AttentionMixerConfig{.heads = 12, .qkv_bias = false};
  config.encoder.mlp.blocks = 4;
  config.class_token = true;
  CHECK(planned(config, 1000) == 44'072'680);
}

TEST_CASE("vit: Orchid-ViT-b has the parameter counts of its variants", "[model][vit]") {
  struct Variant {
    std::int64_t inner, table;
    bool learned;
    std::int64_t parameters;
  };
  CHECK(planned(VitConfig{}, 1000) == 48'067'816);
  for (const Variant& v : {Variant{1, 1024, true, 48'067'816}, Variant{1, 196, false, 47'261'512},
                           Variant{1, 1024, false, 47'917'288}, Variant{2, 196, false, 47'657'800},
                           Variant{2, 1024, false, 48'313'576}}) {
    INFO(v.inner << " inner layers, tables of " << v.table);
    VitConfig config;
    if (!v.learned) config.positions = PatchPositions::none;
    const Operator mixer{5, 33, 128, v.inner, v.table, true};
    set_operator(config, mixer);
    const Sizes sizes{224, 16, 768, 12, 1000, 4, v.learned ? 196 : 0, 0};
    CHECK(planned(config, 1000) == around_mixers(sizes) + 12 * orchid_mixer(mixer, 768));
    CHECK(planned(config, 1000) == v.parameters);
  }
  // Of which the paper's table has no residual: 45.74 M.
  VitConfig config;
  config.positions = PatchPositions::none;
  const Operator mixer{5, 33, 128, 1, 196, false};
  set_operator(config, mixer);
  CHECK(planned(config, 1000) ==
        around_mixers({224, 16, 768, 12, 1000, 4, 0, 0}) + 12 * orchid_mixer(mixer, 768));
  CHECK(planned(config, 1000) / 10'000 == 4'574);
}

TEST_CASE("vit: the small models have the parameter counts of their tables", "[model][vit]") {
  const auto orchid = [](std::int64_t layers, const Operator& mixer, PatchPositions positions,
                         std::int64_t parameters) {
    VitConfig config = cifar(layers);
    config.positions = positions;
    set_operator(config, mixer);
    const std::int64_t rows = positions == PatchPositions::learned ? 64 : 0;
    CHECK(planned(config, 10) ==
          around_mixers({32, 4, 128, layers, 10, 4, rows, 0}) + layers * orchid_mixer(mixer, 128));
    CHECK(planned(config, 10) == parameters);
  };
  orchid(6, {5, 5, 64, 2, 64, false}, PatchPositions::none, 735'114);
  orchid(5, {5, 3, 64, 2, 1024, true}, PatchPositions::learned, 735'370);
  // Attention, with fixed positions: they count for nothing.
  const auto attention = [](std::int64_t blocks, std::int64_t parameters) {
    VitConfig config = cifar(6);
    config.positions = PatchPositions::sinusoidal;
    config.encoder.mixer = AttentionMixerConfig{.heads = 8};
    config.encoder.mlp.blocks = blocks;
    CHECK(planned(config, 10) ==
          around_mixers({32, 4, 128, 6, 10, blocks, 0, 0}) + 6 * attention_mixer(128, true));
    CHECK(planned(config, 10) == parameters);
  };
  attention(1, 1'197'450);
  attention(4, 607'626);
}

TEST_CASE("vit: the plan counts the products of patches, attention and MLP", "[model][vit]") {
  VitConfig config = cifar(2);
  config.class_token = true;
  config.encoder.mixer = AttentionMixerConfig{.heads = 8};
  config.encoder.mlp.blocks = 1;
  const Plan plan = plan_model(config, 3, 0, 0, {.head = ClassifierHeadConfig{10}});
  const double D = 128, patches = 3 * 64, tokens = 3 * 65;
  const double embedding = 2 * patches * 48 * D;
  const double layer = 2 * tokens * (4 * D * D + 2 * 4 * D * D);
  const double scores = 2 * 2 * tokens * 65 * D;
  const double head = 2 * 3 * D * 10;
  CHECK(plan.forward_flops == embedding + 2 * (layer + scores) + head);
  // Pictures have no gradient.
  CHECK(plan.backward_flops == embedding + 2 * (2 * layer + 2.5 * scores) + 2 * head);
  CHECK(plan.activation_bytes > 4 * tokens * D * 10);
}
