#include "kernels/ops/adamw.h"

#include "tests/reference/adamw.h"
#include "tests/support/arrays.h"

using namespace orchid;
using namespace orchid::test;

TEST_CASE("adamw follows the recurrence from zero moments", "[ops][adamw]") {
  const std::int64_t n = GENERATE(1, 7, 15, 17, 40'009);
  const double scale = 0.5;
  const reference::AdamW rule{
      .rate = 0.01, .decay = 0.002, .beta1 = 0.9, .beta2 = 0.98, .epsilon = 1e-6};
  for_each_compute([&](Context& ctx, DType, Tolerance tolerance) {
    Array value = random_array(n, 1);
    std::vector<reference::AdamW> rules(value.size(), rule);
    Tensor tvalue = upload(ctx, value, {n}), m = filled(ctx, {n}, 0), v = filled(ctx, {n}, 0);
    for (int step = 1; step <= 5; ++step) {
      const Array grad = random_array(n, static_cast<std::uint64_t>(10 + step));
      const Tensor tgrad = upload(ctx, grad, {n});
      run(ctx, ops::AdamW{.value = tvalue,
                          .grad = tgrad,
                          .m = m,
                          .v = v,
                          .rate = rule.rate,
                          .decay = rule.decay,
                          .beta1 = rule.beta1,
                          .beta2 = rule.beta2,
                          .epsilon = rule.epsilon,
                          .grad_scale = scale,
                          .step = step});
      for (std::size_t i = 0; i < value.size(); ++i)
        value[i] = rules[i].step(value[i], scale * grad[i]);
    }
    Array first, second;
    for (const reference::AdamW& r : rules) {
      first.push_back(r.m);
      second.push_back(r.v);
    }
    check_close("value", tvalue, value, tolerance);
    check_close("m", m, first, tolerance);
    check_close("v", v, second, tolerance);
  });
}

TEST_CASE("adamw without a gradient only decays", "[ops][adamw]") {
  Context& ctx = test_context();
  Tensor value = filled(ctx, {3}, 2), m = filled(ctx, {3}, 0), v = filled(ctx, {3}, 0);
  const Tensor grad = filled(ctx, {3}, 0);
  run(ctx, ops::AdamW{.value = value, .grad = grad, .m = m, .v = v, .rate = 0.1, .decay = 0.25});
  check_equal("value", download(value), Array(3, 1.5));
}

TEST_CASE("adamw refuses a step before the first", "[ops][adamw]") {
  Context& ctx = test_context();
  Tensor value = filled(ctx, {3}, 2), m = filled(ctx, {3}, 0), v = filled(ctx, {4}, 0);
  const Tensor grad = filled(ctx, {3}, 0);
  require_error(
      [&] { run(ctx, ops::AdamW{.value = value, .grad = grad, .m = m, .v = m, .step = 0}); },
      "adamw: step: expected at least 1, got 0");
  require_error([&] { run(ctx, ops::AdamW{.value = value, .grad = grad, .m = m, .v = v}); },
                "adamw: v: expected (3), got (4)");
}

TEST_CASE("sum_of_squares adds in double", "[ops][adamw]") {
  const std::int64_t n = GENERATE(1, 7, 17, 16'385, 100'003);
  const Array x = random_array(n, 1);
  double expected = 0;
  for (const double value : x) expected += value * value;
  for_each_compute([&](Context& ctx, DType, Tolerance) {
    const Tensor tx = upload(ctx, x, {n});
    Tensor result = upload(ctx, Array{NAN}, {1}, DType::f64);
    run(ctx, ops::SumOfSquares{.x = tx, .result = result});
    check_close("result", result, {expected}, kF64);  // the inputs are exact in float32
  });
}

TEST_CASE("sum_of_squares gives the same bits with any number of threads", "[ops][adamw]") {
  const Array x = scaled(random_array(100'003, 1), 0.1);
  check_same_for_any_threads([&](Context& ctx) {
    const Tensor tx = upload(ctx, x, {std::ssize(x)});
    Tensor result = upload(ctx, Array{NAN}, {1}, DType::f64);
    run(ctx, ops::SumOfSquares{.x = tx, .result = result});
    return download(result);
  });
}

TEST_CASE("sum_of_squares refuses a result of another shape", "[ops][adamw]") {
  Context& ctx = test_context();
  const Tensor x = filled(ctx, {3}, 2);
  Tensor result = upload(ctx, Array{0, 0}, {2}, DType::f64);
  require_error([&] { run(ctx, ops::SumOfSquares{.x = x, .result = result}); },
                "sum_of_squares: result: expected (1), got (2)");
}
