#include "kernels/ops/implicit_filter.h"

#include "tests/reference/implicit_filter.h"
#include "tests/support/op_check.h"

using namespace orchid;
using namespace orchid::test;

namespace {

Array plus(Array a, double b) {
  for (double& value : a) value += b;
  return a;
}

Array times(Array a, double b) {
  for (double& value : a) value *= b;
  return a;
}

/// No tighter than the numeric gradient it is held against.
Tolerance at_least_numeric(Tolerance tolerance) {
  return {std::max(tolerance.relative, kNumeric.relative)};
}

}  // namespace

TEST_CASE("sine is the sine of the scaled input, and its gradients", "[ops][implicit_filter]") {
  const std::int64_t R = GENERATE(1, 5, 37), W = GENERATE(1, 7, 15, 33);
  const double scale = GENERATE(1.0, 2.5);
  // Arguments up to 15 radians, whose float32 rounding is 1e-6 of a radian.
  const Array x = random_array(R * W, 1), dy = random_array(R * W, 2);
  const Array frequency = plus(random_array(W, 3), 5);
  const auto sine = [&](const Array& v, const Array& w) { return reference::sine(v, w, scale); };
  const Array dx = numeric_gradient([&](const Array& v) { return sine(v, frequency); }, x, dy);
  const Array dfrequency =
      numeric_gradient([&](const Array& v) { return sine(x, v); }, frequency, dy);
  for_each_precision([&](Context& ctx, DType dtype, Tolerance tolerance) {
    const Tolerance of_sums = dtype == DType::bf16 ? kF32 : tolerance;
    const Tensor tx = upload(ctx, x, {R, W}), tdy = upload(ctx, dy, {R, W});
    const Tensor tw = upload_f(ctx, frequency, {W});
    Tensor y = poisoned(ctx, {R, W}), tdx = poisoned(ctx, {R, W});
    Tensor tdw = filled_f(ctx, {W}, 0.5);
    run(ctx, ops::Sine{.x = tx, .frequency = tw, .y = y, .scale = scale});
    check_close("y", y, sine(x, frequency), tolerance);
    run(ctx,
        ops::SineGrad{
            .dy = tdy, .x = tx, .frequency = tw, .dx = tdx, .dfrequency = tdw, .scale = scale});
    check_close("dx", tdx, dx, at_least_numeric(tolerance));
    check_close("dfrequency", tdw, plus(dfrequency, 0.5), at_least_numeric(of_sums));
  });
}

TEST_CASE("sine_grad sums many rows exactly the same with any number of threads",
          "[ops][implicit_filter]") {
  const std::int64_t R = 3001, W = 24;
  const Array x = random_array(R * W, 1), dy = random_array(R * W, 2);
  const Array frequency = plus(random_array(W, 3), 3);
  std::vector<Array> results;
  for (const int threads : {1, 2, 5}) {
    Context ctx(test_device(), DType::f32, threads);
    const Tensor tx = upload(ctx, x, {R, W}), tdy = upload(ctx, dy, {R, W});
    const Tensor tw = upload(ctx, frequency, {W});
    Tensor dx = poisoned(ctx, {R, W}), dw = filled(ctx, {W}, 0);
    run(ctx, ops::SineGrad{.dy = tdy, .x = tx, .frequency = tw, .dx = dx, .dfrequency = dw});
    results.push_back(download(dw));
  }
  double expected = 0;
  for (std::int64_t i = 5; i < R * W; i += W) {
    const auto at = static_cast<std::size_t>(i);
    expected += x[at] * std::cos(frequency[5] * x[at]) * dy[at];
  }
  CHECK(results[0][5] == Approx(expected).epsilon(1e-5));
  CHECK(results[1] == results[0]);
  CHECK(results[2] == results[0]);
}

TEST_CASE("decay_window is the windowed filter, split by filter, and its gradient",
          "[ops][implicit_filter]") {
  const std::int64_t L = GENERATE(1, 6), D = GENERATE(1, 7, 15, 33), filters = GENERATE(1, 2, 3);
  const bool window = GENERATE(true, false), normalized = GENERATE(true, false);
  const reference::DecayWindow n{static_cast<std::size_t>(filters), window ? 0.125 : 0, window,
                                 normalized};
  const std::int64_t C = D * filters;
  // Times longer than L, decays of both signs, and e away from 0, where |e| has no derivative.
  const Array t = plus(random_array(L + 2, 1), 1), delta = times(random_array(C, 2), 8);
  const Array dk = random_array(L * C, 4);
  Array e = random_array(L * C, 3);
  for (double& value : e) value = Bfloat16(value + (value < 0 ? -0.125 : 0.125));
  const auto apply = [&](const Array& v) { return reference::decay_window(n, v, t, delta); };
  const Array de = numeric_gradient(apply, e, dk);
  for_each_precision([&](Context& ctx, DType, Tolerance tolerance) {
    const Tensor te = upload(ctx, e, {L, C}), tt = upload_f(ctx, t, {L + 2});
    const Tensor tdelta = upload_f(ctx, delta, {C}), tdk = upload(ctx, dk, {filters, L, D});
    Tensor k = poisoned(ctx, {filters, L, D}), tde = poisoned(ctx, {L, C});
    run(ctx, ops::DecayWindow{.e = te,
                              .t = tt,
                              .delta = tdelta,
                              .k = k,
                              .shift = n.shift,
                              .window = window,
                              .normalized = normalized});
    check_close("k", k, apply(e), tolerance);
    run(ctx, ops::DecayWindowGrad{.dk = tdk,
                                  .e = te,
                                  .t = tt,
                                  .delta = tdelta,
                                  .de = tde,
                                  .shift = n.shift,
                                  .window = window,
                                  .normalized = normalized});
    if (C == 1 && normalized) {  // k is the sign of e: the exact gradient is 0
      for (const double value : download(tde)) CHECK(std::fabs(value) <= 10 * tolerance.relative);
    } else {
      check_close("de", tde, de, at_least_numeric(tolerance));
    }
  });
}

TEST_CASE("decay_window splits rows longer than its blocks", "[ops][implicit_filter]") {
  const std::int64_t L = 2, D = 200, filters = 3, C = D * filters;
  const Array e = random_array(L * C, 1), t{0.5, 1}, delta = random_array(C, 2);
  const Array dk = random_array(L * C, 3);
  const reference::DecayWindow n{static_cast<std::size_t>(filters), 0, true, false};
  const auto apply = [&](const Array& v) { return reference::decay_window(n, v, t, delta); };
  for_each_precision([&](Context& ctx, DType, Tolerance tolerance) {
    const Tensor te = upload(ctx, e, {L, C}), tt = upload_f(ctx, t, {L});
    const Tensor tdelta = upload_f(ctx, delta, {C}), tdk = upload(ctx, dk, {filters, L, D});
    Tensor k = poisoned(ctx, {filters, L, D}), de = poisoned(ctx, {L, C});
    run(ctx, ops::DecayWindow{.e = te, .t = tt, .delta = tdelta, .k = k});
    check_close("k", k, apply(e), tolerance);
    run(ctx, ops::DecayWindowGrad{.dk = tdk, .e = te, .t = tt, .delta = tdelta, .de = de});
    check_close("de", de, numeric_gradient(apply, e, dk, 0.5), tolerance);  // linear in e
  });
}

TEST_CASE("filter ops say what is wrong with their operands", "[ops][implicit_filter]") {
  Context& ctx = test_context();
  const Tensor x = ctx.zeros({3, 4}), frequency = ctx.zeros({5}), t = ctx.zeros({2});
  const Tensor delta = ctx.zeros({4}), times3 = ctx.zeros({3});
  Tensor y = ctx.empty({3, 4}), k = ctx.empty({3, 3, 2});
  require_error([&] { run(ctx, ops::Sine{.x = x, .frequency = frequency, .y = y}); },
                "sine: frequency: expected (4), got (5)");
  require_error([&] { run(ctx, ops::DecayWindow{.e = x, .t = t, .delta = delta, .k = k}); },
                "decay_window: t: expected at least 3 times, got (2)");
  require_error(
      [&] { run(ctx, ops::DecayWindow{.e = x, .t = times3, .delta = delta, .k = k}); },
      "decay_window: k: expected (filters, L, D) with L=3 and D filters=4, got (3, 3, 2)");
}
