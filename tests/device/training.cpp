// Whole models on a GPU, or on the host executor in its place, beside the CPU.

#include "tests/device/training.h"

#include "kernels/ops/adamw.h"
#include "tests/support/arrays.h"

using namespace orchid;
using namespace orchid::test;

namespace {

/// Rounding to bf16 at each of about twenty ops in a row.
constexpr double kBf16Loss = 2e-2;

model::OrchidMixerConfig& mixer_of(model::BertConfig& config) {
  return std::get<model::OrchidMixerConfig>(config.encoder.mixer);
}

}  // namespace

TEST_CASE("device: a whole model's loss, gradients and updates equal the CPU's", "[device]") {
  model::BertConfig config = small_bert();
  SECTION("the default layer, with dropout") {}
  SECTION("Fourier, padding masked out") {
    mixer_of(config).transform = ops::TransformKind::fft_ortho;
    mixer_of(config).mask_padding = true;
  }
  SECTION("correlation kernels") {
    mixer_of(config).kernel = model::Kernel::correlation;
    mixer_of(config).transform = ops::TransformKind::fft;
  }
  SECTION("kernels through time, linear convolution, batch norm") {
    mixer_of(config).transform = ops::TransformKind::fft_ortho;
    mixer_of(config).convolution = model::Convolution::linear;
    mixer_of(config).norm = model::ConditioningNorm::batch;
  }
  SECTION("plain MLP, pre-norm blocks, no positions") {
    config.encoder.norm = model::BlockNorm::pre;
    config.encoder.mlp = {false, 3, 1, true};
    config.positions = model::Positions::none;
  }
  Context cpu({}, DType::f32, 1);
  Network expected(cpu, config), got(test_context(), config);
  check_trains_alike(expected, got, 5,
                     [&](std::uint64_t number) { return random_batch(2, 12, 7, number); });
}

TEST_CASE("device: recorded work gives the bits of work done directly", "[device]") {
  const model::BertConfig config = small_bert();
  Network direct(test_context(), config), recorded(test_context(), config, true);
  check_same_bits(direct, recorded, 6, [&](std::uint64_t number) {
    return random_batch(number % 3 == 2 ? 3 : 2, 12, 5 + number, number);
  });
  CHECK(recorded.micro().replays() == 4);  // each of the two shapes is rehearsed once
}

TEST_CASE("device: shapes beyond those that are recorded run as they come", "[device]") {
  model::BertConfig config = small_bert();
  config.encoder.layers = 1;
  config.length = 20;
  Network direct(test_context(), config), recorded(test_context(), config, true);
  for (std::uint64_t number = 0; number < 20; ++number) {
    INFO("step " << number + 1);
    const std::int64_t length = number < 18 ? 3 + static_cast<std::int64_t>(number) : 20;
    const data::Batch batch = random_batch(1, length, 3, number);
    CHECK(recorded.step(batch, number).loss == direct.step(batch, number).loss);
  }
  CHECK(recorded.values() == direct.values());
  CHECK(recorded.micro().replays() == 0);
}

TEST_CASE("device: two runs give the same bits", "[device]") {
  const auto run = [](DType compute) {
    Network network(test_context(compute), small_bert());
    for (std::uint64_t number = 0; number < 2; ++number)
      network.step(random_batch(2, 12, 7, number), number);
    return network.values();
  };
  for (const DType compute : {DType::f32, DType::bf16}) CHECK(run(compute) == run(compute));
}

TEST_CASE("device: bf16 follows float32, and its weight copies follow the weights", "[device]") {
  Network exact(test_context(), small_bert()), rounded(test_context(DType::bf16), small_bert());
  for (std::uint64_t number = 0; number < 3; ++number) {
    const data::Batch batch = random_batch(2, 12, 7, number);
    const train::Score a = exact.step(batch, number), b = rounded.step(batch, number);
    CHECK(b.loss == Approx(a.loss).epsilon(kBf16Loss));
  }
  auto expected = rounded.values();
  for (auto& [path, values] : expected)
    for (double& value : values) value = Bfloat16(value);
  CHECK(rounded.products() == expected);
}

TEST_CASE("device: an update that is not finite changes nothing", "[device]") {
  Network network(test_context(), small_bert());
  const data::Batch batch = random_batch(2, 12, 7, 0);
  network.step(batch, 0);
  const auto before = network.values();
  network.gradients(batch, 1);
  set_values(network.micro().sums(), {NAN, 0});
  network.optimizer().update(test_context(), network.micro().sums(), {}, 1, 1);
  CHECK(network.values() == before);
  const Array control = download(network.optimizer().control());
  CHECK(control[static_cast<std::size_t>(ops::Control::apply)] == 0);
}
