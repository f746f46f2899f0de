#include "kernels/ops/dropout.h"

#include "tests/reference/dropout.h"
#include "tests/support/arrays.h"

using namespace orchid;
using namespace orchid::test;

namespace {

Array uniforms(std::int64_t n, std::uint64_t seed, std::uint64_t item) {
  const Philox philox(seed, RandomPurpose::dropout);
  Array values;
  for (std::int64_t i = 0; i < n; ++i)
    values.push_back(philox.uniform(item, static_cast<std::uint64_t>(i)));
  return values;
}

}  // namespace

TEST_CASE("dropout keeps what the Philox word of each element says, also in place",
          "[ops][dropout]") {
  const std::int64_t n = GENERATE(1, 3, 5, 63, 65, 257, 40'009);
  const double rate = GENERATE(0.0, 0.1, 0.5, 0.9);
  const std::uint64_t seed = 0x123456789abcdef0, item = GENERATE(7ull, 0xfedcba9876543210ull);
  const Array x = random_array(n, 1);
  const Array expected = reference::dropout(x, uniforms(n, seed, item), rate);
  for_each_precision([&](Context& ctx, DType, Tolerance tolerance) {
    Tensor tx = upload(ctx, x, {n}), y = poisoned(ctx, {n});
    run(ctx, ops::Dropout{.x = tx, .y = y, .rate = rate, .seed = seed, .item = item});
    if (n == 1 && expected[0] == 0) return check_equal("y", download(y), expected);
    check_close("y", y, expected, tolerance);
    run(ctx, ops::Dropout{.x = tx, .y = tx, .rate = rate, .seed = seed, .item = item});
    check_equal("y in x", download(tx), download(y));
  });
}

TEST_CASE("dropout adds a step from memory to its item", "[ops][dropout]") {
  Context& ctx = test_context();
  const Tensor x = upload(ctx, random_array(301, 1), {301});
  Tensor y = poisoned(ctx, {301}), expected = poisoned(ctx, {301});
  for (const double step : {0.0, 1.0, 70'000.0}) {
    const Tensor tstep = upload(ctx, Array{step}, {1}, DType::i64);
    run(ctx, ops::Dropout{.x = x, .y = y, .step = tstep, .rate = 0.5, .seed = 5, .item = 6});
    run(ctx, ops::Dropout{.x = x,
                          .y = expected,
                          .rate = 0.5,
                          .seed = 5,
                          .item = 6 + static_cast<std::uint64_t>(step) * ops::kDropoutSites});
    check_equal("y", download(y), download(expected));
  }
  const Tensor real = filled(ctx, {1}, 1);
  require_error([&] { run(ctx, ops::Dropout{.x = x, .y = y, .step = real, .rate = 0.5}); },
                "dropout: step: expected i64, got f32");
}

TEST_CASE("dropout of rate 0 changes nothing", "[ops][dropout]") {
  Context& ctx = test_context();
  const Tensor x = upload(ctx, Array{INFINITY, -2, NAN}, {3});
  Tensor y = poisoned(ctx, {3});
  run(ctx, ops::Dropout{.x = x, .y = y});
  const Array got = download(y);
  CHECK((got[0] == INFINITY && got[1] == -2 && std::isnan(got[2])));
}

TEST_CASE("dropout gives the same bits with any number of threads", "[ops][dropout]") {
  const Array x = random_array(70'001, 1);
  check_same_for_any_threads([&](Context& ctx) {
    const Tensor tx = upload(ctx, x, {std::ssize(x)});
    Tensor y = poisoned(ctx, {std::ssize(x)});
    run(ctx, ops::Dropout{.x = tx, .y = y, .rate = 0.3, .seed = 5, .item = 6});
    return download(y);
  });
}

TEST_CASE("dropout refuses to drop everything", "[ops][dropout]") {
  Context& ctx = test_context();
  const Tensor x = filled(ctx, {3}, 1);
  Tensor y = poisoned(ctx, {3}), four = poisoned(ctx, {4});
  require_error([&] { run(ctx, ops::Dropout{.x = x, .y = y, .rate = 1}); },
                "dropout: rate: expected [0, 1), got 1");
  require_error([&] { run(ctx, ops::Dropout{.x = x, .y = four, .rate = 0.5}); },
                "dropout: y: expected (3), got (4)");
}
