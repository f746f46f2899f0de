#include "kernels/ops/pool.h"

#include "tests/reference/pool.h"
#include "tests/support/arrays.h"

using namespace orchid;
using namespace orchid::test;

namespace {

struct Extents {
  std::int64_t B, L, D;

  Shape sequence() const { return {B, L, D}; }
  Shape positions() const { return {B, L}; }
  Shape means() const { return {B, D}; }
};

enum class Masking { none, padding, scattered };

/// Padding: the first sample has one position, the last all. Scattered: some sample has none, where
/// there are several.
Array make_mask(const Extents& n, Masking masking) {
  Array mask(static_cast<std::size_t>(n.B * n.L), 1.0);
  const Array draws = random_array(n.B * n.L, 3);
  for (std::size_t i = 0; i < mask.size(); ++i) {
    const std::int64_t at = static_cast<std::int64_t>(i), b = at / n.L, l = at % n.L;
    if (masking == Masking::padding) mask[i] = l <= b * n.L / std::max<std::int64_t>(1, n.B - 1);
    if (masking == Masking::scattered) mask[i] = draws[i] > 0 && b != 1;
  }
  return mask;
}

/// x, but NaN at the positions that do not count.
Array spoiled(Array x, const Array& mask) {
  for (std::size_t i = 0; i < x.size(); ++i)
    if (mask[i * mask.size() / x.size()] == 0) x[i] = NAN;
  return x;
}

reference::MeanPool pooling(const Extents& n, const Array& mask) {
  return {static_cast<std::size_t>(n.L), static_cast<std::size_t>(n.D), mask};
}

Tensor upload_mask(const Context& ctx, const Array& mask, const Extents& n, Masking masking) {
  return masking == Masking::none ? Tensor() : upload(ctx, mask, n.positions(), DType::u8);
}

/// Both ops against the formulas.
void check_pooling(const Extents& n, Masking masking) {
  INFO("B " << n.B << ", L " << n.L << ", D " << n.D << ", masking " << static_cast<int>(masking));
  const Array mask = make_mask(n, masking);
  const Array x = random_array(n.B * n.L * n.D, 1), dy = random_array(n.B * n.D, 2);
  const reference::MeanPool pool = pooling(n, mask);
  const Array mean = pool(x), gradient = pool.gradient(dy);
  for_each_precision([&](Context& ctx, DType, Tolerance tolerance) {
    const Tensor tmask = upload_mask(ctx, mask, n, masking);
    const Tensor tx = upload(ctx, spoiled(x, mask), n.sequence()), tdy = upload(ctx, dy, n.means());
    Tensor y = poisoned(ctx, n.means()), dx = poisoned(ctx, n.sequence());
    run(ctx, ops::MeanPool{.x = tx, .mask = tmask, .y = y});
    check_close("y", y, mean, tolerance);
    run(ctx, ops::MeanPoolGrad{.dy = tdy, .mask = tmask, .dx = dx});
    check_close("dx", dx, gradient, tolerance);
  });
}

}  // namespace

TEST_CASE("mean_pool averages the positions that count", "[ops][pool]") {
  const auto masking = GENERATE(Masking::none, Masking::padding, Masking::scattered);
  // Widths: a tail, one vector, and what two blocks share, with vectors and without, evenly or not.
  const std::int64_t B = GENERATE(1, 3), L = GENERATE(2, 7, 33);
  const std::int64_t D = GENERATE(1, 5, 8, 65, 256, 264);
  check_pooling({B, L, D}, masking);
}

TEST_CASE("mean_pool averages sequences of a model's length", "[ops][pool]") {
  const auto masking = GENERATE(Masking::none, Masking::padding, Masking::scattered);
  const std::int64_t L = GENERATE(1, 128, 197, 300);
  check_pooling({4, L, 15}, masking);
  check_pooling({2, L, 40}, masking);
}

TEST_CASE("mean_pool_grad equals central differences", "[ops][pool]") {
  const auto masking = GENERATE(Masking::none, Masking::padding, Masking::scattered);
  const Extents n{GENERATE(1, 3), GENERATE(1, 7), GENERATE(1, 5, 16)};
  const Array mask = make_mask(n, masking);
  const Array x = random_array(n.B * n.L * n.D, 1), dy = random_array(n.B * n.D, 2);
  const Array gradient = numeric_gradient(pooling(n, mask), x, dy);
  for_each_precision([&](Context& ctx, DType, Tolerance tolerance) {
    const Tensor tmask = upload_mask(ctx, mask, n, masking), tdy = upload(ctx, dy, n.means());
    Tensor dx = poisoned(ctx, n.sequence());
    run(ctx, ops::MeanPoolGrad{.dy = tdy, .mask = tmask, .dx = dx});
    check_close("dx", dx, gradient, for_numeric(tolerance));
  });
}

TEST_CASE("mean_pool of no position is zero, and so is its gradient", "[ops][pool]") {
  const std::int64_t L = GENERATE(0, 1, 40), D = GENERATE(3, 16);
  const Extents n{3, L, D};
  // The samples beside have means, unless there are no positions at all.
  Array mask(static_cast<std::size_t>(3 * L), 1.0), mean(static_cast<std::size_t>(3 * D), L > 0);
  std::fill_n(mask.begin() + L, L, 0.0);
  std::fill_n(mean.begin() + D, D, 0.0);
  Array x(static_cast<std::size_t>(3 * L * D), 1.0), dy(static_cast<std::size_t>(3 * D), 1.0);
  std::fill_n(dy.begin() + D, D, NAN);
  for_each_precision([&](Context& ctx, DType, Tolerance tolerance) {
    const Tensor tmask = upload(ctx, mask, n.positions(), DType::u8);
    const Tensor tx = upload(ctx, spoiled(x, mask), n.sequence()), tdy = upload(ctx, dy, n.means());
    Tensor y = poisoned(ctx, n.means()), dx = poisoned(ctx, n.sequence());
    run(ctx, ops::MeanPool{.x = tx, .mask = tmask, .y = y});
    run(ctx, ops::MeanPoolGrad{.dy = tdy, .mask = tmask, .dx = dx});
    const Array got = download(y), gradient = download(dx);
    const auto middle = [](const Array& all, std::int64_t count) {
      return Array(all.begin() + count, all.begin() + 2 * count);
    };
    check_equal("y without positions", middle(got, D), middle(mean, D));
    check_equal("dx without positions", middle(gradient, L * D),
                Array(static_cast<std::size_t>(L * D), 0.0));
    if (L > 0) check_close("y", got, mean, tolerance);
  });
}

TEST_CASE("mean_pool takes operands at any address", "[ops][pool]") {
  const Extents n{2, 9, 32};
  const std::int64_t count = n.B * n.L * n.D, means = n.B * n.D;
  const Array x = random_array(count, 1), dy = random_array(means, 2);
  const Array mask = make_mask(n, Masking::padding);
  const reference::MeanPool pool = pooling(n, mask);
  // Which of the two operands beside the mask begins one element late.
  const bool first = GENERATE(false, true), second = GENERATE(false, true);
  const auto shifted = [](bool late, Array values) {
    if (late) values.insert(values.begin(), NAN);
    values.push_back(NAN);
    return values;
  };
  const auto flat = [](const Array& values) { return Shape{std::ssize(values)}; };
  for_each_precision([&](Context& ctx, DType, Tolerance tolerance) {
    const Array xs = shifted(first, x), dys = shifted(first, dy);
    const Array ys = shifted(second, Array(static_cast<std::size_t>(means), NAN));
    const Array dxs = shifted(second, Array(static_cast<std::size_t>(count), NAN));
    Array masks = shifted(first, mask);
    masks.front() = masks.back() = 1;
    const Tensor all_mask = upload(ctx, masks, flat(masks), DType::u8);
    const Tensor part = all_mask.slice(first, n.positions());
    Tensor y = upload(ctx, ys, flat(ys)), dx = upload(ctx, dxs, flat(dxs));
    Tensor y_part = y.slice(second, n.means()), dx_part = dx.slice(second, n.sequence());
    run(ctx,
        ops::MeanPool{
            .x = upload(ctx, xs, flat(xs)).slice(first, n.sequence()), .mask = part, .y = y_part});
    run(ctx, ops::MeanPoolGrad{.dy = upload(ctx, dys, flat(dys)).slice(first, n.means()),
                               .mask = part,
                               .dx = dx_part});
    check_close("y", y_part, pool(x), tolerance);
    check_close("dx", dx_part, pool.gradient(dy), tolerance);
    for (const Tensor& whole : {y, dx}) {  // nothing is written beside the results
      const Array values = download(whole);
      CHECK(std::isnan(values.back()));
      CHECK(std::isnan(values.front()) == second);
    }
  });
}

TEST_CASE("mean_pool keeps its accuracy over long sequences", "[ops][pool]") {
  const Extents n{1, 9001, 3};
  Array x = random_array(n.L * n.D, 1);
  for (double& value : x) value = static_cast<float>(0.7 + value / 64);
  const Array mask(static_cast<std::size_t>(n.L), 1.0);
  for_each_compute([&](Context& ctx, DType, Tolerance tolerance) {
    const Tensor tx = upload(ctx, x, n.sequence());
    Tensor y = poisoned(ctx, n.means());
    run(ctx, ops::MeanPool{.x = tx, .mask = {}, .y = y});
    check_close("y", y, pooling(n, mask)(x), tolerance);
  });
}

TEST_CASE("mean_pool gives the same bits for any number of threads", "[ops][pool]") {
  const Extents n{3, 197, 600};
  const Array x = random_array(n.B * n.L * n.D, 1), dy = random_array(n.B * n.D, 2);
  const Array mask = make_mask(n, Masking::scattered);
  check_same_for_any_threads([&](Context& ctx) {
    const Tensor tx = upload(ctx, x, n.sequence()), tdy = upload(ctx, dy, n.means());
    const Tensor tmask = upload(ctx, mask, n.positions(), DType::u8);
    Tensor y = poisoned(ctx, n.means()), dx = poisoned(ctx, n.sequence());
    run(ctx, ops::MeanPool{.x = tx, .mask = tmask, .y = y});
    run(ctx, ops::MeanPoolGrad{.dy = tdy, .mask = tmask, .dx = dx});
    Array both = download(y);
    for (const double value : download(dx)) both.push_back(value);
    return both;
  });
}

TEST_CASE("mean_pool refuses operands that do not fit", "[ops][pool]") {
  Context& ctx = test_context();
  const Tensor x = filled(ctx, {2, 3, 4}, 1), matrix = filled(ctx, {6, 4}, 1);
  const Tensor mask = upload(ctx, Array(6, 1.0), {2, 3}, DType::u8);
  const Tensor wide = upload(ctx, Array(8, 1.0), {2, 4}, DType::u8);
  const Tensor indices = upload_i32(ctx, std::vector<int>(6, 1), {2, 3});
  Tensor y = poisoned(ctx, {2, 4}), turned = poisoned(ctx, {4, 2}), dx = poisoned(ctx, {2, 3, 4});
  Tensor halves = upload(ctx, Array(8, 0.0), {2, 4}, DType::bf16), rows = poisoned(ctx, {6, 4});
  const auto pool = [&](const Tensor& from, const Tensor& kept, Tensor& to) {
    run(ctx, ops::MeanPool{.x = from, .mask = kept, .y = to});
  };
  require_error([&] { pool(matrix, {}, y); }, "mean_pool: x: expected (B, L, D), got (6, 4)");
  require_error([&] { pool(x, mask, turned); }, "mean_pool: y: expected (2, 4), got (4, 2)");
  require_error([&] { pool(x, {}, halves); }, "mean_pool: y: expected f32, got bf16");
  require_error([&] { pool(x, wide, y); }, "mean_pool: mask: expected (2, 3), got (2, 4)");
  require_error([&] { pool(x, indices, y); }, "mean_pool: mask: expected u8, got i32");
  const auto grad = [&](const Tensor& upper, const Tensor& kept, Tensor& lower) {
    run(ctx, ops::MeanPoolGrad{.dy = upper, .mask = kept, .dx = lower});
  };
  require_error([&] { grad(y, {}, rows); }, "mean_pool_grad: dx: expected (B, L, D), got (6, 4)");
  require_error([&] { grad(turned, mask, dx); }, "mean_pool_grad: dy: expected (2, 4), got (4, 2)");
  require_error([&] { grad(halves, {}, dx); }, "mean_pool_grad: dy: expected f32, got bf16");
  require_error([&] { grad(y, wide, dx); }, "mean_pool_grad: mask: expected (2, 3), got (2, 4)");
  require_error([&] { grad(y, indices, dx); }, "mean_pool_grad: mask: expected u8, got i32");
}
