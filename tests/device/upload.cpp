// Batches on their way to a GPU, or to the host executor in its place, while it computes.

#include "kernels/ops/arithmetic.h"
#include "tests/device/training.h"

using namespace orchid;
using namespace orchid::test;
using Catch::Matchers::Contains;

namespace {

/// Different in every round and element.
float value_of(std::int64_t round, std::int64_t i) {
  return static_cast<float>(round * 1000 + i % 997);
}

}  // namespace

TEST_CASE("device: uploads reach their place in the order of the work around them", "[device]") {
  Context ctx = test_context();
  // Two rounds of a size, then a larger, which needs new blocks, a small one, which has no lane of
  // its own, and the first again.
  const std::vector<std::int64_t> counts = {300'000, 300'000, 300'000, 400'001, 500, 300'000};
  std::vector<Tensor> results;
  Tensor home = ctx.empty({400'001}, DType::f32);  // overwritten while earlier work may wait
  for (std::size_t round = 0; round < counts.size(); ++round) {
    const std::int64_t count = counts[round];
    Tensor batch = Tensor::empty({count}, DType::f32, make_host_pool());
    for (std::int64_t i = 0; i < count; ++i)
      batch.data<float>()[i] = value_of(static_cast<std::int64_t>(round), i);
    Tensor there = home.slice(0, {count});
    upload(batch, there);
    std::fill_n(batch.data<float>(), count, -1.0f);  // the host's memory is its own again
    results.push_back(ctx.zeros({count}, DType::f32));
    run(ctx, ops::AddScaled{.x = there, .y = results.back(), .scale = 2});
  }
  for (std::size_t round = 0; round < counts.size(); ++round) {
    const std::vector<double> got = values_of(results[round]);
    std::int64_t wrong = 0;
    for (std::int64_t i = 0; i < counts[round]; ++i)
      wrong +=
          got[static_cast<std::size_t>(i)] != 2.0 * value_of(static_cast<std::int64_t>(round), i);
    INFO("round " << round);
    CHECK(wrong == 0);
  }
}

TEST_CASE("device: uploads of another type or size are refused", "[device]") {
  Context ctx = test_context();
  Tensor there = ctx.zeros({4}, DType::f32);
  const Tensor longer = Tensor::empty({5}, DType::f32, make_host_pool());
  const Tensor whole = Tensor::empty({4}, DType::i32, make_host_pool());
  CHECK_THROWS_WITH(upload(longer, there), Contains("upload: (5)"));
  CHECK_THROWS_WITH(upload(whole, there), Contains("i32"));
  CHECK_THROWS_WITH(upload(there, there), Contains("upload: from"));
}
