#include "kernels/ops/adamw.h"

#include "tests/reference/adamw.h"
#include "tests/support/arrays.h"

using namespace orchid;
using namespace orchid::test;

namespace {

/// Two values of 1, each a range of its own, after a first update at a factor of 0.5 and an offset
/// of 0.125.
Tensor first_update(Context& ctx, const Array& table, bool decoupled) {
  Tensor value = filled(ctx, {2}, 1), m = filled(ctx, {2}, 0), v = filled(ctx, {2}, 0);
  const Tensor grad = filled(ctx, {2}, 3);
  const Tensor ranges = upload(ctx, table, {2, ops::AdamW::kRangeFields}, DType::f64);
  run(ctx, ops::AdamW{.value = value,
                      .grad = grad,
                      .m = m,
                      .v = v,
                      .ranges = ranges,
                      .rate = 0.5,
                      .epsilon = 1e-12,
                      .decoupled = decoupled,
                      .offset = 0.125});
  return value;
}

}  // namespace

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

TEST_CASE("adamw with ranges is adamw on each range", "[ops][adamw]") {
  // Ends that are no multiples of the vector width, an empty range, and enough for many blocks.
  const std::vector<std::int64_t> ends{3, 3, 64, 5000, 5001, 9011};
  const std::int64_t n = ends.back();
  const bool decoupled = GENERATE(false, true);
  const double factor = 0.75, offset = GENERATE(0.0, 0.0005);
  const Array value = random_array(n, 1), grad = random_array(n, 2);
  for_each_compute([&](Context& ctx, DType, Tolerance) {
    Tensor one = upload(ctx, value, {n}), parts = upload(ctx, value, {n});
    Tensor m = filled(ctx, {n}, 0.125), v = filled(ctx, {n}, 0.25);
    Tensor m_parts = filled(ctx, {n}, 0.125), v_parts = filled(ctx, {n}, 0.25);
    const Tensor tgrad = upload(ctx, grad, {n});
    Array table;
    std::int64_t begin = 0;
    for (std::size_t i = 0; i < ends.size(); ++i) {
      const double peak = 0.01 * static_cast<double>(i + 1);
      const double lambda = i % 2 == 0 ? 0.1 : 0.3, scale = i % 3 == 1 ? 0.25 : 1;
      table.insert(table.end(), {static_cast<double>(ends[i]), peak, lambda, scale});
      const Shape part{ends[i] - begin};
      Tensor value_part = parts.slice(begin, part);
      Tensor m_part = m_parts.slice(begin, part), v_part = v_parts.slice(begin, part);
      const double rate = factor * peak + scale * offset;
      run(ctx, ops::AdamW{.value = value_part,
                          .grad = tgrad.slice(begin, part),
                          .m = m_part,
                          .v = v_part,
                          .rate = rate,
                          .decay = (decoupled ? rate / peak : rate) * lambda,
                          .step = 3});
      begin = ends[i];
    }
    const Tensor ranges =
        upload(ctx, table, {static_cast<std::int64_t>(ends.size()), 4}, DType::f64);
    run(ctx, ops::AdamW{.value = one,
                        .grad = tgrad,
                        .m = m,
                        .v = v,
                        .ranges = ranges,
                        .rate = factor,
                        .step = 3,
                        .decoupled = decoupled,
                        .offset = offset});
    // Two instances of a kernel may be contracted differently, and so may a rate with an offset.
    if (built_with_cuda() || offset > 0) {
      check_close("value", one, download(parts), kF32);
      check_close("m", m, download(m_parts), kF32);
      check_close("v", v, download(v_parts), kF32);
      return;
    }
    check_equal("value", download(one), download(parts));
    check_equal("m", download(m), download(m_parts));
    check_equal("v", download(v), download(v_parts));
  });
}

TEST_CASE("an offset of the rate leaves ranges of rate 0 alone", "[ops][adamw]") {
  const bool decoupled = GENERATE(false, true);
  for_each_compute([&](Context& ctx, DType, Tolerance tolerance) {
    const Tensor value = first_update(ctx, {1, 0, 0, 1, 2, 0.5, 0, 1}, decoupled);
    // The first update moves by the rate: 0.5 * 0.5 + 0.125 where the peak is not 0.
    check_close("value", value, {1, 1 - 0.375}, tolerance);
  });
}

TEST_CASE("a range's scale is one of its whole rate, the offset included", "[ops][adamw]") {
  const bool decoupled = GENERATE(false, true);
  const double lambda = 0.5;
  for_each_compute([&](Context& ctx, DType, Tolerance tolerance) {
    const Tensor value =
        first_update(ctx, {1, 0.5, lambda, 1, 2, 0.5 * 0.25, lambda, 0.25}, decoupled);
    // The first update moves by the rate. Decoupled decay goes by the rate's share of its peak,
    // which a scale leaves as it is: 0.75.
    const double rate = 0.5 * 0.5 + 0.125;
    const auto after = [&](double scale) {
      return 1 - (decoupled ? 0.75 : scale * rate) * lambda - scale * rate;
    };
    check_close("value", value, {after(1), after(0.25)}, tolerance);
  });
}

TEST_CASE("moving_average follows the values as a loop in double does", "[ops][adamw]") {
  const std::int64_t n = GENERATE(1, 4, 17, 4099);
  const bool warmup = GENERATE(false, true);
  const double decay = 0.9375;
  for_each_compute([&](Context& ctx, DType, Tolerance tolerance) {
    Array average = random_array(n, 1);
    Tensor taverage = upload(ctx, average, {n});
    for (int t = 1; t <= 4; ++t) {
      const Array value = random_array(n, static_cast<std::uint64_t>(1 + t));
      const double apply = t == 3 ? 0 : 1;
      const Tensor control = upload(ctx, Array{1, apply, 1, 1}, {ops::kControls}, DType::f64);
      const Tensor applied = upload(ctx, Array{1.0 * t}, {1}, DType::i64);
      const Tensor tvalue = upload(ctx, value, {n});
      run(ctx, ops::MovingAverage{.value = tvalue,
                                  .average = taverage,
                                  .control = control,
                                  .applied = applied,
                                  .decay = decay,
                                  .warmup = warmup});
      const double d = warmup ? std::min(decay, (1.0 + t) / (10.0 + t)) : decay;
      for (std::size_t i = 0; apply != 0 && i < average.size(); ++i)
        average[i] = d * average[i] + (1 - d) * value[i];
    }
    check_close("average", taverage, average, tolerance);
  });
}

TEST_CASE("moving_average needs no control, and keeps a small share exact", "[ops][adamw]") {
  for_each_compute([&](Context& ctx, DType, Tolerance) {
    const Tensor value = filled(ctx, {5}, 1);
    Tensor average = filled(ctx, {5}, 0);
    run(ctx, ops::MovingAverage{.value = value, .average = average, .decay = 0.99996});
    // 1 - 0.99996 taken in float32 would be off by 7e-4 of it.
    check_close("average", average, Array(5, 4e-5), Tolerance{1e-6});
  });
}

TEST_CASE("moving_average refuses operands that do not fit", "[ops][adamw]") {
  Context& ctx = test_context();
  const Tensor value = filled(ctx, {3}, 1);
  Tensor average = filled(ctx, {3}, 1), other = filled(ctx, {4}, 1);
  require_error([&] { run(ctx, ops::MovingAverage{.value = value, .average = other}); },
                "moving_average: average: expected (3), got (4)");
  require_error(
      [&] { run(ctx, ops::MovingAverage{.value = value, .average = average, .decay = 1}); },
      "moving_average: decay: expected [0, 1), got 1");
  require_error(
      [&] { run(ctx, ops::MovingAverage{.value = value, .average = average, .warmup = true}); },
      "moving_average: applied: expected the number of updates");
}

TEST_CASE("adamw takes its scale and its step from clip_scale, and writes a bf16 copy",
          "[ops][adamw]") {
  const std::int64_t n = GENERATE(1, 8, 17, 4099);
  const Array value = random_array(n, 1), grad = random_array(n, 2);
  for_each_compute([&](Context& ctx, DType, Tolerance) {
    const Tensor tgrad = upload(ctx, grad, {n});
    Tensor expected = upload(ctx, value, {n}), got = upload(ctx, value, {n});
    Tensor m = filled(ctx, {n}, 0.125), v = filled(ctx, {n}, 0.25);
    Tensor m2 = filled(ctx, {n}, 0.125), v2 = filled(ctx, {n}, 0.25);
    Tensor copy = upload(ctx, Array(static_cast<std::size_t>(n), NAN), {n}, DType::bf16);
    run(ctx, ops::AdamW{.value = expected,
                        .grad = tgrad,
                        .m = m,
                        .v = v,
                        .rate = 0.1,
                        .grad_scale = 0.25,
                        .step = 7});
    const auto update = [&](double apply) {
      const Tensor control = upload(ctx, Array{0.25, apply, 1, 1}, {ops::kControls}, DType::f64);
      const Tensor applied = upload(ctx, Array{7}, {1}, DType::i64);
      run(ctx, ops::AdamW{.value = got,
                          .grad = tgrad,
                          .m = m2,
                          .v = v2,
                          .control = control,
                          .applied = applied,
                          .product = copy,
                          .rate = 0.1});
    };
    update(0);
    check_equal("value, not applied", download(got), download(upload(ctx, value, {n})));
    check_equal("m, not applied", download(m2), Array(static_cast<std::size_t>(n), 0.125));
    CHECK(std::isnan(download(copy)[0]));
    update(1);
    check_equal("value", download(got), download(expected));
    check_equal("m", download(m2), download(m));
    check_equal("v", download(v2), download(v));
    Array rounded;
    for (const double x : download(got)) rounded.push_back(Bfloat16(x));
    check_equal("product", download(copy), rounded);
  });
}

TEST_CASE("clip_scale decides about an update", "[ops][adamw]") {
  struct Case {
    double sum, loss, clip_norm, scale, apply;
  };
  const double mean = 0.125;
  // The norm of the mean gradient is 0.5.
  for (const Case& c :
       {Case{16, 3, 0, mean, 1}, Case{16, 3, 2, mean, 1},
        Case{16, 3, 0.25, mean * (0.25 / (0.5 + 1e-6)), 1}, Case{16, NAN, 0, mean, 0},
        Case{INFINITY, 3, 0, mean, 0}, Case{NAN, 3, 0, mean, 0}, Case{16, -INFINITY, 0, mean, 0}}) {
    INFO("sum " << c.sum << ", loss " << c.loss << ", clip " << c.clip_norm);
    Context& ctx = test_context();
    const Tensor sum = upload(ctx, Array{c.sum}, {1}, DType::f64);
    const Tensor score = upload(ctx, Array{c.loss, 2}, {2}, DType::f64);
    Tensor control = upload(ctx, Array(4, NAN), {ops::kControls}, DType::f64);
    Tensor applied = upload(ctx, Array{41}, {1}, DType::i64);
    run(ctx, ops::ClipScale{.sum_of_squares = sum,
                            .score = score,
                            .control = control,
                            .applied = applied,
                            .mean = mean,
                            .clip_norm = c.clip_norm});
    const Array got = download(control);
    CHECK(got[1] == c.apply);
    CHECK(download(applied) == Array{41 + c.apply});
    if (c.apply == 0) continue;
    CHECK(got == Array{c.scale, 1, std::sqrt(c.sum) * mean, c.loss});
  }
}

TEST_CASE("clip_scale adds up the parts of the norm and divides by the targets on the device",
          "[ops][adamw]") {
  Context& ctx = test_context();
  const Tensor parts = upload(ctx, Array{9, 4, 12}, {3}, DType::f64);
  const Tensor score = upload(ctx, Array{6}, {1}, DType::f64);
  const Tensor targets = upload(ctx, Array{20}, {1}, DType::f64);
  Tensor control = upload(ctx, Array(4, NAN), {ops::kControls}, DType::f64);
  Tensor applied = upload(ctx, Array{0}, {1}, DType::i64);
  run(ctx, ops::ClipScale{.sum_of_squares = parts,
                          .score = score,
                          .targets = targets,
                          .control = control,
                          .applied = applied});
  CHECK(download(control) == Array{1.0 / 20, 1, 5.0 * (1.0 / 20), 6});
}

TEST_CASE("adamw and clip_scale refuse operands that do not fit", "[ops][adamw]") {
  Context& ctx = test_context();
  Tensor value = filled(ctx, {3}, 2), m = filled(ctx, {3}, 0), copy = filled(ctx, {3}, 0);
  const Tensor grad = filled(ctx, {3}, 0), table = filled(ctx, {1, 4}, 3);
  require_error(
      [&] { run(ctx, ops::AdamW{.value = value, .grad = grad, .m = m, .v = m, .ranges = table}); },
      "adamw: ranges: expected f64, got f32");
  const Tensor narrow = filled(ctx, {1, 3}, 3);
  require_error(
      [&] { run(ctx, ops::AdamW{.value = value, .grad = grad, .m = m, .v = m, .ranges = narrow}); },
      "adamw: ranges: expected (S, 4), got (1, 3)");
  require_error(
      [&] { run(ctx, ops::AdamW{.value = value, .grad = grad, .m = m, .v = m, .product = copy}); },
      "adamw: product: expected bf16, got f32");
  Tensor control = upload(ctx, Array(3, 0.0), {3}, DType::f64);
  Tensor count = upload(ctx, Array{0}, {1}, DType::i64);
  const Tensor sum = upload(ctx, Array{0}, {1}, DType::f64);
  require_error(
      [&] {
        run(ctx, ops::ClipScale{
                     .sum_of_squares = sum, .score = sum, .control = control, .applied = count});
      },
      "clip_scale: control: expected (4), got (3)");
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
