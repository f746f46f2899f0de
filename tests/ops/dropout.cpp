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

TEST_CASE("dropout of spans keeps or drops all that share a draw, and adds", "[ops][dropout]") {
  // Draws of four a Philox call; spans with vectors and without, in one block's part and in
  // several.
  const std::int64_t spans = GENERATE(1, 4, 11), span = GENERATE(1, 2, 8, 131, 1032, 9000);
  const double rate = GENERATE(0.25, 0.75);
  const std::int64_t n = spans * span;
  INFO(spans << " spans of " << span);
  const Array x = random_array(n, 1), add = random_array(n, 2);
  const Array draws = uniforms(spans, 9, 77);
  const Array with = reference::drop_path(x, add, draws, rate);
  const Array alone = reference::drop_path(x, Array(x.size()), draws, rate);
  for_each_precision([&](Context& ctx, DType, Tolerance tolerance) {
    Tensor tx = upload(ctx, x, {n}), tadd = upload(ctx, add, {n}), y = poisoned(ctx, {n});
    const auto drop = [&](const Tensor& from, OptionalIn residual, Tensor& to) {
      run(ctx, ops::Dropout{.x = from,
                            .y = to,
                            .add = residual,
                            .rate = rate,
                            .seed = 9,
                            .item = 77,
                            .span = span});
    };
    drop(tx, {}, y);
    if (std::any_of(alone.begin(), alone.end(), [](double v) { return v != 0; })) {
      check_close("y", y, alone, tolerance);
    } else {
      check_equal("y", download(y), alone);
    }
    drop(tx, tadd, y);
    check_close("y with what is added", y, with, tolerance);
    drop(tx, tadd, tadd);
    check_equal("y in add", download(tadd), download(y));
    tadd = upload(ctx, add, {n});
    drop(tx, tadd, tx);
    check_equal("y in x", download(tx), download(y));
  });
}

TEST_CASE("dropout does not read a span that it drops", "[ops][dropout]") {
  const Array draws = uniforms(6, 3, 4);
  Array x(6 * 16, 1.0);
  for (std::size_t i = 0; i < x.size(); ++i)
    if (draws[i / 16] < 0.5) x[i] = NAN;
  REQUIRE(std::count(x.begin(), x.end(), 1.0) % x.size() != 0);  // some of both
  for_each_precision([&](Context& ctx, DType, Tolerance) {
    const Tensor tx = upload(ctx, x, {6, 16}), ones = filled(ctx, {6, 16}, 1);
    Tensor y = poisoned(ctx, {6, 16});
    run(ctx,
        ops::Dropout{.x = tx, .y = y, .add = ones, .rate = 0.5, .seed = 3, .item = 4, .span = 16});
    Array expected;
    for (const double value : x) expected.push_back(std::isnan(value) ? 1 : 3);
    check_equal("y", download(y), expected);
  });
}

TEST_CASE("dropout of spans takes the step from memory, and gives the same bits with any threads",
          "[ops][dropout]") {
  const Array x = random_array(7 * 3001, 1);
  check_same_for_any_threads([&](Context& ctx) {
    const Tensor tx = upload(ctx, x, {7, 3001}), step = upload(ctx, Array{3}, {1}, DType::i64);
    Tensor y = poisoned(ctx, {7, 3001}), expected = poisoned(ctx, {7, 3001});
    run(ctx, ops::Dropout{.x = tx,
                          .y = y,
                          .step = step,
                          .add = tx,
                          .rate = 0.3,
                          .seed = 5,
                          .item = 6,
                          .span = 3001});
    run(ctx, ops::Dropout{.x = tx,
                          .y = expected,
                          .add = tx,
                          .rate = 0.3,
                          .seed = 5,
                          .item = 6 + 3 * ops::kDropoutSites,
                          .span = 3001});
    check_equal("y", download(y), download(expected));
    return download(y);
  });
}

TEST_CASE("dropout refuses spans that do not divide", "[ops][dropout]") {
  Context& ctx = test_context();
  const Tensor x = filled(ctx, {6}, 1), five = filled(ctx, {5}, 1);
  Tensor y = poisoned(ctx, {6});
  require_error([&] { run(ctx, ops::Dropout{.x = x, .y = y, .rate = 0.5, .span = 4}); },
                "dropout: span: expected a divisor of the 6 elements, got 4");
  require_error([&] { run(ctx, ops::Dropout{.x = x, .y = y, .add = five, .rate = 0.5}); },
                "dropout: add: expected (6), got (5)");
}
