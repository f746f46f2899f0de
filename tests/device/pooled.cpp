// Models that answer once a sample, on a GPU or on the host executor in its place, beside the CPU.

#include "tests/device/training.h"

using namespace orchid;
using namespace orchid::test;

namespace {

/// Pairs of texts, each with a class of three and a score.
data::Batch random_pairs(std::int64_t rows, std::uint64_t seed) {
  constexpr std::int64_t kLength = 12;
  data::Batch batch = random_texts(rows, kLength, seed);
  batch.segments = random_integers({rows, kLength}, 2, seed, 3);
  batch.targets = random_integers({rows}, 3, seed, 4);
  batch.scores = Tensor::empty({rows}, DType::f32, make_host_pool());
  set_values(batch.scores, random_array(rows, seed));
  return batch;
}

train::TaskConfig classes() {
  return train::ClassificationTaskConfig{
      .classes = 3, .labels = {}, .pooling = model::Pooling::mean, .dropout = 0.3};
}
train::TaskConfig score() {
  return train::RegressionTaskConfig{.pooling = model::Pooling::first, .dropout = 0.3};
}

}  // namespace

TEST_CASE("device: pooled models' loss, gradients and updates equal the CPU's", "[device]") {
  for (const train::TaskConfig& task : {classes(), score()}) {
    INFO("task " << std::visit([](const auto& config) { return config.type; }, task));
    Context cpu({}, DType::f32, 1);
    Network expected(cpu, small_bert(), false, task);
    Network got(test_context(), small_bert(), false, task);
    check_trains_alike(expected, got, 3, [&](std::uint64_t number) {
      return random_pairs(number == 2 ? 2 : 3, number);
    });
  }
}

TEST_CASE("device: recorded steps of pooled models, a smaller one too, give the direct bits",
          "[device]") {
  for (const train::TaskConfig& task : {classes(), score()}) {
    INFO("task " << std::visit([](const auto& config) { return config.type; }, task));
    Network direct(test_context(), small_bert(), false, task);
    Network recorded(test_context(), small_bert(), true, task);
    for (std::uint64_t number = 0; number < 6; ++number) {
      INFO("step " << number + 1);
      const data::Batch batch = random_pairs(number % 3 == 2 ? 2 : 3, number);
      CHECK(recorded.step(batch, number).loss == direct.step(batch, number).loss);
    }
    CHECK(recorded.values() == direct.values());
    CHECK(recorded.micro().replays() == 4);  // each of the two shapes is rehearsed once
  }
}
