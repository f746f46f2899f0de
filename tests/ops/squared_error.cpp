#include "kernels/ops/squared_error.h"

#include "tests/reference/squared_error.h"
#include "tests/support/arrays.h"

using namespace orchid;
using namespace orchid::test;

namespace {

/// Exact in float32, not in bf16: targets do not become bf16 beside activations that are.
Array make_targets(std::int64_t rows) {
  Array targets = scaled(random_array(rows, 2), 5.0 / 3);
  for (double& value : targets) value = static_cast<float>(value);
  return targets;
}

}  // namespace

TEST_CASE("squared_error is the loss per row, and its gradient, also in place",
          "[ops][squared_error]") {
  const std::int64_t R = GENERATE(1, 7, 300);
  const Shape shape = GENERATE(false, true) ? Shape{R, 1} : Shape{R};
  INFO("x " << shape);
  const Array x = random_array(R, 1), targets = make_targets(R);
  const auto loss_of = [&](const Array& v) { return reference::squared_error(v, targets); };
  const Array expected = loss_of(x);
  const Array gradient = numeric_gradient(loss_of, x, Array(targets.size(), 1.0));
  for_each_precision([&](Context& ctx, DType dtype, Tolerance tolerance) {
    Tensor tx = upload(ctx, x, shape), dx = poisoned(ctx, shape);
    const Tensor t = upload(ctx, targets, {R}, DType::f32);
    const auto losses = [&](const Tensor& wanted, OptionalOut to) {
      Tensor loss = upload(ctx, Array(targets.size(), NAN), {R}, DType::f64);
      run(ctx, ops::SquaredError{.x = tx, .targets = wanted, .loss = loss, .dx = to});
      return download(loss);
    };
    const Array loss = losses(t, dx);
    check_close("loss", loss, expected, of_sums(dtype, tolerance));
    check_close("dx", dx, gradient, for_numeric(tolerance));
    check_equal("loss without gradient", losses(t, {}), loss);
    if (dtype == DType::f64)
      check_equal("loss of targets in double", losses(upload(ctx, targets, {R}), {}), loss);
    check_equal("loss in place", losses(t, tx), loss);
    check_equal("dx in x", download(tx), download(dx));
  });
}

TEST_CASE("squared_error takes targets in double beside x in double", "[ops][squared_error]") {
  if (built_with_cuda()) return;  // which has no double activations
  Context& ctx = test_context(DType::f64);
  const Array x{0.5, -1}, targets{1.0 / 3, 1e-9};
  const Tensor tx = upload(ctx, x, {2}), t = upload(ctx, targets, {2});
  Tensor loss = upload(ctx, Array(2, NAN), {2}, DType::f64), dx = poisoned(ctx, {2});
  run(ctx, ops::SquaredError{.x = tx, .targets = t, .loss = loss, .dx = dx});
  check_close("loss", loss, {1.0 / 36, (1 + 1e-9) * (1 + 1e-9)}, {1e-15});
  check_close("dx", dx, {1.0 / 3, -2 - 2e-9}, {1e-15});
}

TEST_CASE("squared_error takes operands at any address and writes nothing beside its results",
          "[ops][squared_error]") {
  const std::int64_t R = 37;
  const Array x = random_array(R + 1, 1), targets = make_targets(R + 1);
  const Array all = reference::squared_error(x, targets);
  for_each_precision([&](Context& ctx, DType dtype, Tolerance tolerance) {
    const Tensor tx = upload(ctx, x, {R + 1}), t = upload(ctx, targets, {R + 1}, DType::f32);
    Tensor loss = upload(ctx, Array(R + 2, NAN), {R + 2}, DType::f64), dx = poisoned(ctx, {R + 2});
    Tensor loss_part = loss.slice(1, {R}), dx_part = dx.slice(1, {R, 1});
    run(ctx, ops::SquaredError{.x = tx.slice(1, {R, 1}),
                               .targets = t.slice(1, {R}),
                               .loss = loss_part,
                               .dx = dx_part});
    check_close("loss", loss_part, Array(all.begin() + 1, all.end()), of_sums(dtype, tolerance));
    for (const Tensor& whole : {loss, dx}) {
      const Array values = download(whole);
      CHECK(std::isnan(values.front()));
      CHECK(std::isnan(values.back()));
    }
  });
}

TEST_CASE("squared_error of no rows does nothing, of NaN is NaN", "[ops][squared_error]") {
  Context& ctx = test_context();
  const Tensor none = upload(ctx, Array{}, {0});
  Tensor no_loss = upload(ctx, Array{}, {0}, DType::f64);
  run(ctx, ops::SquaredError{.x = none, .targets = none, .loss = no_loss, .dx = {}});
  const Tensor x = upload(ctx, Array{NAN, 1, 2}, {3}), t = upload(ctx, Array{1, NAN, 4}, {3});
  Tensor loss = upload(ctx, Array(3, 0.0), {3}, DType::f64), dx = filled(ctx, {3}, 0);
  run(ctx, ops::SquaredError{.x = x, .targets = t, .loss = loss, .dx = dx});
  const Array losses = download(loss), gradient = download(dx);
  for (const std::size_t row : {0u, 1u}) {
    CHECK(std::isnan(losses[row]));
    CHECK(std::isnan(gradient[row]));
  }
  CHECK(losses[2] == 4);
  CHECK(gradient[2] == -4);
}

TEST_CASE("squared_error refuses operands that do not fit", "[ops][squared_error]") {
  Context& ctx = test_context();
  const Tensor x = filled(ctx, {4}, 1), column = filled(ctx, {4, 1}, 1),
               pair = filled(ctx, {4, 2}, 1);
  const Tensor three = filled(ctx, {3}, 1), doubles = upload(ctx, Array(4, 1.0), {4}, DType::f64);
  const Tensor scores = upload_i32(ctx, {1, 2, 3, 4}, {4});
  Tensor loss = upload(ctx, Array(4, 0.0), {4}, DType::f64), single = poisoned(ctx, {4});
  Tensor short_loss = upload(ctx, Array(3, 0.0), {3}, DType::f64);
  Tensor halves = upload(ctx, Array(4, 0.0), {4}, DType::bf16);
  const auto evaluate = [&](const Tensor& from, const Tensor& targets, Tensor& to, OptionalOut dx) {
    run(ctx, ops::SquaredError{.x = from, .targets = targets, .loss = to, .dx = dx});
  };
  require_error([&] { evaluate(pair, x, loss, {}); },
                "squared_error: x: expected (R) or (R, 1), got (4, 2)");
  require_error([&] { evaluate(x, three, loss, {}); },
                "squared_error: targets: expected (4), got (3)");
  require_error([&] { evaluate(x, column, loss, {}); },
                "squared_error: targets: expected (4), got (4, 1)");
  require_error([&] { evaluate(x, doubles, loss, {}); },
                "squared_error: targets: expected f32, got f64");
  require_error([&] { evaluate(x, scores, loss, {}); },
                "squared_error: targets: expected f32, got i32");
  require_error([&] { evaluate(x, x, single, {}); }, "squared_error: loss: expected f64, got f32");
  require_error([&] { evaluate(x, x, short_loss, {}); },
                "squared_error: loss: expected (4), got (3)");
  require_error([&] { evaluate(column, x, loss, single); },
                "squared_error: dx: expected (4, 1), got (4)");
  require_error([&] { evaluate(x, x, loss, halves); }, "squared_error: dx: expected f32, got bf16");
}
