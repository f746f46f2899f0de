// BERT with attention on a GPU, or on the host executor in its place, beside the CPU.

#include "tests/device/training.h"

using namespace orchid;
using namespace orchid::test;

namespace {

/// Rounding to bf16 at each of about twenty ops in a row.
constexpr double kBf16Loss = 2e-2;

/// The small BERT with the layer of BERT: attention, norms after the sums, a dense MLP.
model::BertConfig small_attention() {
  model::BertConfig config = small_bert();
  config.encoder.mixer = model::AttentionMixerConfig{.heads = 2};
  config.encoder.mlp = {false, 2, 1, true};
  config.encoder.mixer_residual = true;
  config.encoder.dropout = 0;
  config.encoder.residual_dropout = 0.1;
  return config;
}

}  // namespace

TEST_CASE("device: attention's loss, gradients and updates equal the CPU's", "[device]") {
  model::BertConfig config = small_attention();
  SECTION("the BERT layer") {}
  SECTION("pre-norm blocks, heads of an odd size, no bias of queries, keys and values") {
    config.encoder.width = 15;
    config.encoder.mixer = model::AttentionMixerConfig{.heads = 3, .qkv_bias = false};
    config.encoder.norm = model::BlockNorm::pre;
    config.encoder.mixer_residual = false;
  }
  Context cpu({}, DType::f32, 1);
  Network expected(cpu, config), got(test_context(), config);
  check_trains_alike(expected, got, 3,
                     [&](std::uint64_t number) { return random_batch(2, 12, 7, number); });
}

TEST_CASE("device: recorded steps with attention give the bits of direct ones", "[device]") {
  const model::BertConfig config = small_attention();
  Network direct(test_context(), config), recorded(test_context(), config, true);
  check_same_bits(direct, recorded, 4,
                  [&](std::uint64_t number) { return random_batch(2, 12, 7, number); });
  CHECK(recorded.micro().replays() == 3);  // the first is rehearsed
}

TEST_CASE("device: attention in bf16 follows float32", "[device]") {
  const model::BertConfig config = small_attention();
  Network exact(test_context(), config), rounded(test_context(DType::bf16), config);
  for (std::uint64_t number = 0; number < 2; ++number) {
    const data::Batch batch = random_batch(2, 12, 7, number);
    const train::Score a = exact.step(batch, number), b = rounded.step(batch, number);
    CHECK(b.loss == Approx(a.loss).epsilon(kBf16Loss));
  }
}
