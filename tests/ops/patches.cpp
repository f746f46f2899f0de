#include "kernels/ops/patches.h"

#include "tests/reference/patches.h"
#include "tests/support/arrays.h"

using namespace orchid;
using namespace orchid::test;

namespace {

Shape pictures_of(const reference::Pictures& n) {
  const auto extent = [](std::size_t value) { return static_cast<std::int64_t>(value); };
  return {extent(n.batch), extent(n.height), extent(n.width), extent(n.channels)};
}

void check_patches(const reference::Pictures& n) {
  const Shape shape = pictures_of(n);
  INFO("pictures " << shape << ", patches of " << n.patch);
  const Array x = random_array(shape.count(), 1);
  const Array expected = reference::patches(n, x);
  for_each_precision([&](Context& ctx, DType, Tolerance) {
    const Tensor tx = upload(ctx, x, shape, DType::f32);
    Tensor y = poisoned(ctx, {shape[0], static_cast<std::int64_t>(n.patches()),
                              static_cast<std::int64_t>(n.inputs())});
    run(ctx, ops::Patches{.x = tx, .y = y, .patch = static_cast<std::int64_t>(n.patch)});
    // Numbers that bf16 holds exactly are only moved.
    check_equal("y", download(y), expected);
  });
}

/// B pictures of L positions of width D.
struct Extents {
  std::int64_t B, L, D;
  bool token, positions;

  Shape patches() const { return {B, L, D}; }
  Shape tokens() const { return {B, L + token, D}; }
  Shape table() const { return {L + token, D}; }
};

void check_tokens(const Extents& n) {
  INFO("B " << n.B << ", L " << n.L << ", D " << n.D << ", token " << n.token << ", positions "
            << n.positions);
  const auto batch = static_cast<std::size_t>(n.B), width = static_cast<std::size_t>(n.D);
  const Array x = random_array(n.patches().count(), 1);
  const Array token = n.token ? random_array(n.D, 2) : Array{};
  const Array positions = n.positions ? random_array(n.table().count(), 3) : Array{};
  const Array dy = random_array(n.tokens().count(), 4);
  const Array y = reference::patch_tokens(batch, width, x, token, positions);
  const Array dx = numeric_gradient(
      [&](const Array& v) { return reference::patch_tokens(batch, width, v, token, positions); }, x,
      dy);
  const Array dtoken = numeric_gradient(
      [&](const Array& v) { return reference::patch_tokens(batch, width, x, v, positions); }, token,
      dy);
  const Array dpositions = numeric_gradient(
      [&](const Array& v) { return reference::patch_tokens(batch, width, x, token, v); }, positions,
      dy);
  for_each_precision([&](Context& ctx, DType, Tolerance tolerance) {
    Tensor tx = upload(ctx, x, n.patches()), got = poisoned(ctx, n.tokens());
    const Tensor ttoken = n.token ? upload_f(ctx, token, {n.D}) : Tensor();
    const Tensor tpositions = n.positions ? upload_f(ctx, positions, n.table()) : Tensor();
    run(ctx, ops::PatchTokens{.x = tx, .token = ttoken, .positions = tpositions, .y = got});
    check_close("y", got, y, tolerance);
    if (!n.token) {
      run(ctx, ops::PatchTokens{.x = tx, .token = {}, .positions = tpositions, .y = tx});
      check_equal("y in x", download(tx), download(got));
    }
    const Tensor tdy = upload(ctx, dy, n.tokens());
    Tensor lower = n.token ? poisoned(ctx, n.patches()) : Tensor();
    Tensor sums = n.token ? filled_f(ctx, {n.D}, 2) : Tensor();
    Tensor table = n.positions ? filled_f(ctx, n.table(), -3) : Tensor();
    run(ctx, ops::PatchTokensGrad{.dy = tdy, .dx = lower, .dtoken = sums, .dpositions = table});
    const auto plus = [](Array values, double start) {
      for (double& value : values) value += start;
      return values;
    };
    const Tolerance sum_tolerance = for_numeric(ctx.accumulate() == DType::f32 ? kF32 : kF64);
    if (n.token) {
      check_close("dx", lower, dx, for_numeric(tolerance));
      check_close("dtoken", sums, plus(dtoken, 2), sum_tolerance);
    }
    if (n.positions) check_close("dpositions", table, plus(dpositions, -3), sum_tolerance);
  });
}

}  // namespace

TEST_CASE("patches are cut in row order, their pixels in row order, channels last",
          "[ops][patches]") {
  // Two pictures of 2 x 4 pixels of two values: 10 * row + column, and 100 more.
  const Array x{0, 100, 1, 101, 2, 102, 3, 103, 10, 110, 11, 111, 12, 112, 13, 113};
  for_each_precision([&](Context& ctx, DType, Tolerance) {
    const Tensor tx = upload(ctx, x, {1, 2, 4, 2}, DType::f32);
    Tensor y = poisoned(ctx, {1, 2, 8});
    run(ctx, ops::Patches{.x = tx, .y = y, .patch = 2});
    check_equal("y", download(y),
                {0, 100, 1, 101, 10, 110, 11, 111, 2, 102, 3, 103, 12, 112, 13, 113});
  });
}

TEST_CASE("patches of pictures of any size", "[ops][patches]") {
  // Runs of 3, 4, 6, 7, 12 and 48 numbers: with vectors of 8, of 4, and without.
  check_patches({2, 5, 3, 3, 1});
  check_patches({3, 8, 12, 1, 4});
  check_patches({1, 6, 8, 3, 2});
  check_patches({2, 14, 28, 1, 7});
  check_patches({2, 32, 32, 3, 4});
  check_patches({1, 32, 48, 3, 16});
  check_patches({1, 9, 9, 2, 9});
  check_patches({0, 4, 4, 3, 2});
}

TEST_CASE("patch_tokens puts a token before the patches and adds positions", "[ops][patches]") {
  const bool token = GENERATE(false, true), positions = GENERATE(false, true);
  for (const Extents& n : {Extents{1, 1, 1, token, positions},
                           {3, 5, 7, token, positions},
                           {2, 9, 8, token, positions},
                           {19, 3, 12, token, positions},
                           {5, 4, 40, token, positions}})
    check_tokens(n);
}

TEST_CASE("patch_tokens gives the same bits with any number of threads", "[ops][patches]") {
  constexpr std::int64_t B = 40, L = 30, D = 33;
  const Array x = random_array(B * L * D, 1), token = random_array(D, 2);
  const Array positions = random_array((L + 1) * D, 3), dy = random_array(B * (L + 1) * D, 4);
  check_same_for_any_threads([&](Context& ctx) {
    Tensor y = poisoned(ctx, {B, L + 1, D}), dx = poisoned(ctx, {B, L, D});
    const Tensor tx = upload(ctx, x, {B, L, D}), ttoken = upload(ctx, token, {D});
    const Tensor tpositions = upload(ctx, positions, {L + 1, D});
    const Tensor tdy = upload(ctx, dy, {B, L + 1, D});
    Tensor dtoken = filled(ctx, {D}, 1), dpositions = filled(ctx, {L + 1, D}, 1);
    run(ctx, ops::PatchTokens{.x = tx, .token = ttoken, .positions = tpositions, .y = y});
    run(ctx, ops::PatchTokensGrad{.dy = tdy, .dx = dx, .dtoken = dtoken, .dpositions = dpositions});
    Array all;
    for (const Tensor& tensor : {y, dx, dtoken, dpositions})
      for (const double value : download(tensor)) all.push_back(value);
    return all;
  });
}

TEST_CASE("patches and patch_tokens refuse what does not fit", "[ops][patches]") {
  Context& ctx = test_context();
  const Tensor x = upload(ctx, Array(48), {1, 4, 4, 3}, DType::f32);
  Tensor y = poisoned(ctx, {1, 4, 12}), short_y = poisoned(ctx, {1, 4, 11});
  require_error([&] { run(ctx, ops::Patches{.x = x, .y = y, .patch = 3}); },
                "patches: patch: expected a divisor of height and width of (1, 4, 4, 3), got 3");
  require_error([&] { run(ctx, ops::Patches{.x = x, .y = short_y, .patch = 2}); },
                "patches: y: expected (1, 4, 12), got (1, 4, 11)");
  const Tensor token = filled_f(ctx, {12}, 1), table = filled_f(ctx, {4, 12}, 1);
  Tensor longer = poisoned(ctx, {1, 5, 12}), sums = filled_f(ctx, {12}, 0);
  require_error(
      [&] { run(ctx, ops::PatchTokens{.x = y, .token = token, .positions = table, .y = longer}); },
      "patch_tokens: positions: expected (5, 12), got (4, 12)");
  require_error(
      [&] { run(ctx, ops::PatchTokens{.x = y, .token = token, .positions = {}, .y = y}); },
      "patch_tokens: y: expected (1, 5, 12), got (1, 4, 12)");
  require_error(
      [&] {
        run(ctx, ops::PatchTokensGrad{.dy = longer, .dx = {}, .dtoken = sums, .dpositions = {}});
      },
      "patch_tokens_grad: dx: expected with dtoken");
}
