// Heads of whole groups of 16 channels, which in bf16 go over the tensor cores of a GPU.

#include "tests/ops/attention_cases.h"

using namespace orchid;
using namespace orchid::test;

TEST_CASE("attention of wide heads weighs values by the softmax of the scores",
          "[ops][attention]") {
  const std::int64_t head = GENERATE(16, 32, 64, 128), L = GENERATE(1, 17, 64, 65, 197);
  const auto masking = GENERATE(Masking::none, Masking::padding, Masking::tiles);
  if (head == 128 && L == 197 && masking == Masking::padding) return;  // takes its time
  check_attention({head < 64 && L < 100 ? 2 : 1, L, head, 1}, masking);
}

TEST_CASE("attention of several wide heads", "[ops][attention]") {
  const auto masking = GENERATE(Masking::none, Masking::padding, Masking::single);
  check_attention({2, 19, 5 * 16, 5}, masking);
  check_attention({2, 70, 2 * 48, 2}, masking);
  check_attention({1, 130, 2 * 112, 2}, masking);
}

TEST_CASE("attention of wide heads to no key is zero, and so is its gradient", "[ops][attention]") {
  const Extents n{3, GENERATE(9, 70), GENERATE(32, 128), 2};
  const auto masking = GENERATE(Masking::scattered, Masking::nothing);
  const Array mask = make_mask(n, masking), qkv = random_array(3 * n.count(), 1);
  const Array dy = random_array(n.count(), 2);
  for_each_precision([&](Context& ctx, DType compute, Tolerance tolerance) {
    const Results got =
        run_both(ctx, n, spoiled(qkv, mask), dy, upload(ctx, mask, {n.B, n.L}, DType::u8));
    const Tolerance allowed = of_weights(compute, n, tolerance);
    check_close("y", got.y, attention(n, mask)(qkv), allowed);
    check_close("dqkv", got.dqkv, attention(n, mask).gradient(qkv, dy), allowed);
    for (std::size_t i = got.y.size() / 3; i < got.y.size() / 3 * 2; ++i)  // the second sample
      REQUIRE(got.y[i] == 0);
    for (std::size_t i = got.dqkv.size() / 3; i < got.dqkv.size() / 3 * 2; ++i)
      REQUIRE(got.dqkv[i] == 0);
    for (std::size_t i = got.logsumexp.size() / 3; i < got.logsumexp.size() / 3 * 2; ++i)
      REQUIRE(got.logsumexp[i] == -INFINITY);
  });
}

TEST_CASE("attention of wide heads takes large scores, and large ones of no key",
          "[ops][attention]") {
  // Multiples of 8 up to 64 in heads of 16 channels: scores up to 16384.
  const Extents n{1, GENERATE(5, 70, 130), 32, 2};
  Array qkv = random_array(3 * n.count(), 1);
  for (double& value : qkv) value = 8 * std::round(8 * value);
  check_attention(n, Masking::none, qkv, 16384);
  // Every score of a key that counts is far below 0, which is what a row of zeros would score.
  for (std::size_t i = 0; i < qkv.size(); ++i) {
    const std::size_t part = i / 32 % 3;
    if (part < 2) qkv[i] = part == 0 ? 64 : -32 - std::abs(qkv[i]) / 2;
  }
  check_attention(n, Masking::padding, qkv, 16384);
  check_attention(n, Masking::tiles, qkv, 16384);
}

TEST_CASE("attention of a query that is no number is none, and of others what it was",
          "[ops][attention]") {
  const Extents n{1, 70, 64, 2};
  const Array qkv = random_array(3 * n.count(), 1);
  const std::size_t spoiled_row = 67, width = 64;
  for_each_precision([&](Context& ctx, DType, Tolerance) {
    const auto forward = [&](const Array& from) {
      const Tensor input = upload(ctx, from, n.input());
      Tensor y = poisoned(ctx, n.output()), sums = poisoned_f(ctx, n.sums());
      run(ctx,
          ops::Attention{.qkv = input, .mask = {}, .y = y, .logsumexp = sums, .heads = n.heads});
      return download(y);
    };
    Array broken = qkv;
    broken[spoiled_row * 3 * width] = NAN;  // in the first head
    const Array got = forward(broken), sound = forward(qkv);
    for (std::size_t i = 0; i < got.size(); ++i) {
      INFO("element " << i);
      if (i / width == spoiled_row && i % width < width / 2)
        REQUIRE(std::isnan(got[i]));
      else
        REQUIRE(got[i] == sound[i]);
    }
  });
}

TEST_CASE("attention in bf16 gives the same bits every time", "[ops][attention]") {
  if (!built_with_cuda()) return;
  const Extents n{2, 150, 128, 2};
  const Array qkv = random_array(3 * n.count(), 1), dy = random_array(n.count(), 2);
  const Array mask = make_mask(n, Masking::scattered);
  Context& ctx = test_context(DType::bf16);
  const Tensor kept = upload(ctx, mask, {n.B, n.L}, DType::u8);
  const Results first = run_both(ctx, n, qkv, dy, kept);
  for (int again = 0; again < 3; ++again) {
    const Results got = run_both(ctx, n, qkv, dy, kept);
    check_equal("y", got.y, first.y);
    check_equal("dqkv", got.dqkv, first.dqkv);
  }
}
