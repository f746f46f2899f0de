#include "kernels/ops/arithmetic.h"

#include "tests/reference/arithmetic.h"
#include "tests/support/arrays.h"

using namespace orchid;
using namespace orchid::test;

namespace {

// One element, around the vector width, and enough for two threads.
constexpr std::int64_t kCounts[] = {1, 7, 15, 17, 40'009};

}  // namespace

TEST_CASE("fill writes one value everywhere", "[ops][arithmetic]") {
  for (const std::int64_t n : kCounts) {
    for_each_precision([&](Context& ctx, DType, Tolerance) {
      Tensor y = poisoned(ctx, {n});
      run(ctx, ops::Fill{.y = y, .value = -1.25});
      check_equal("y", download(y), Array(static_cast<std::size_t>(n), -1.25));
    });
  }
}

TEST_CASE("add sums elements, also in place", "[ops][arithmetic]") {
  for (const std::int64_t n : kCounts) {
    const Array a = random_array(n, 1), b = random_array(n, 2);
    Array expected = a;
    for (std::size_t i = 0; i < a.size(); ++i) expected[i] += b[i];
    for_each_precision([&](Context& ctx, DType, Tolerance tolerance) {
      Tensor left = upload(ctx, a, {n}), right = upload(ctx, b, {n}), y = poisoned(ctx, {n});
      run(ctx, ops::Add{.a = left, .b = right, .y = y});
      check_close("y", y, expected, tolerance);
      run(ctx, ops::Add{.a = left, .b = right, .y = left});
      check_close("y in a", left, expected, tolerance);
      left = upload(ctx, a, {n});
      run(ctx, ops::Add{.a = left, .b = right, .y = right});
      check_close("y in b", right, expected, tolerance);
    });
  }
}

TEST_CASE("add refuses unequal shapes", "[ops][arithmetic]") {
  Context& ctx = test_context();
  const Tensor a = filled(ctx, {2, 3}, 1), b = filled(ctx, {3, 2}, 1);
  Tensor y = poisoned(ctx, {2, 3});
  require_error([&] { run(ctx, ops::Add{.a = a, .b = b, .y = y}); },
                "add: b: expected (2, 3), got (3, 2)");
}

TEST_CASE("add_scaled adds a multiple", "[ops][arithmetic]") {
  for (const std::int64_t n : kCounts) {
    const Array x = random_array(n, 1);
    for_each_precision([&](Context& ctx, DType, Tolerance tolerance) {
      const Tensor tx = upload(ctx, x, {n});
      Tensor y = filled(ctx, {n}, 0.75);
      run(ctx, ops::AddScaled{.x = tx, .y = y, .scale = -0.3});
      check_close("y", y, added_to(0.75, scaled(x, -0.3)), tolerance);
    });
  }
  Context& ctx = test_context();
  const Tensor x = filled(ctx, {3}, 1);
  Tensor y = filled(ctx, {4}, 1);
  require_error([&] { run(ctx, ops::AddScaled{.x = x, .y = y}); },
                "add_scaled: y: expected (3), got (4)");
}

TEST_CASE("copy_columns takes columns and add_columns is its adjoint", "[ops][arithmetic]") {
  const std::int64_t rows = GENERATE(1, 37, 4001), wide = 23;
  const std::int64_t column = GENERATE(0, 5), width = GENERATE(1, 7, 18);
  const auto part = [&](const Array& x) {
    return reference::copy_columns(x, static_cast<std::size_t>(wide),
                                   static_cast<std::size_t>(column),
                                   static_cast<std::size_t>(width));
  };
  const Array x = random_array(rows * wide, 1), g = random_array(rows * width, 2);
  for_each_precision([&](Context& ctx, DType, Tolerance tolerance) {
    const Tensor tx = upload(ctx, x, {1, rows, wide}), tg = upload(ctx, g, {rows, width});
    Tensor y = poisoned(ctx, {rows, width}), dx = upload(ctx, x, {1, rows, wide});
    run(ctx, ops::CopyColumns{.x = tx, .y = y, .column = column});
    check_equal("y", download(y), part(x));
    run(ctx, ops::AddColumns{.x = tg, .y = dx, .column = column});
    // Adding g and taking the same columns gives x + g there, and nothing changed elsewhere.
    Array gained = part(x), before = x, after = download(dx);
    for (std::size_t i = 0; i < g.size(); ++i) gained[i] += g[i];
    check_close("dx", part(after), gained, tolerance);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto c = static_cast<std::int64_t>(i) % wide;
      if (c >= column && c < column + width) before[i] = after[i];
    }
    check_equal("other columns", after, before);
  });
}

TEST_CASE("copy_columns refuses columns beyond the last", "[ops][arithmetic]") {
  Context& ctx = test_context();
  const Tensor x = filled(ctx, {4, 6}, 1);
  Tensor y = poisoned(ctx, {4, 3});
  require_error([&] { run(ctx, ops::CopyColumns{.x = x, .y = y, .column = 4}); },
                "copy_columns: columns [4, 7) of (4, 6)");
  Tensor short_y = poisoned(ctx, {3, 3});
  require_error([&] { run(ctx, ops::CopyColumns{.x = x, .y = short_y}); },
                "copy_columns: rows: (4, 6) has 4, (3, 3) has 3");
  require_error([&] { run(ctx, ops::AddColumns{.x = y, .y = y, .column = 1}); },
                "add_columns: columns [1, 4) of (4, 3)");
}

TEST_CASE("mask_rows zeroes the rows that are masked, also in place", "[ops][arithmetic]") {
  const std::int64_t B = GENERATE(1, 3), L = GENERATE(1, 7, 300), D = GENERATE(1, 15, 65);
  const Array x = random_array(B * L * D, 1);
  Array mask = random_array(B * L, 2);
  for (double& value : mask) value = value > 0 ? 1 : 0;
  const Array expected = reference::mask_rows(x, mask);
  for_each_precision([&](Context& ctx, DType, Tolerance) {
    Tensor tx = upload(ctx, x, {B, L, D}), y = poisoned(ctx, {B, L, D});
    const Tensor tmask = upload(ctx, mask, {B, L}, DType::u8);
    run(ctx, ops::MaskRows{.x = tx, .mask = tmask, .y = y});
    check_equal("y", download(y), expected);
    run(ctx, ops::MaskRows{.x = tx, .mask = tmask, .y = tx});
    check_equal("y in x", download(tx), expected);
  });
}

TEST_CASE("mask_rows refuses a mask of another shape", "[ops][arithmetic]") {
  Context& ctx = test_context();
  const Tensor x = filled(ctx, {2, 3, 4}, 1);
  const Tensor mask = upload(ctx, Array(4, 1.0), {2, 2}, DType::u8);
  Tensor y = poisoned(ctx, {2, 3, 4});
  require_error([&] { run(ctx, ops::MaskRows{.x = x, .mask = mask, .y = y}); },
                "mask_rows: mask: expected (2, 3), got (2, 2)");
}

TEST_CASE("cast rounds to bf16 and back", "[ops][arithmetic]") {
  for (const std::int64_t n : kCounts) {
    Array x = scaled(random_array(n, 1), 1.0 / 3);
    if (n > 6) {  // ties of the rounding, and what has no other half
      const Array ends{1 + 0x1p-8, 1 + 3 * 0x1p-8, -INFINITY, 3.4e38, 1e-40, -0.0};
      std::copy(ends.begin(), ends.end(), x.begin());
    }
    Context& ctx = test_context();
    const Tensor tx = upload(ctx, x, {n});
    Tensor half = upload(ctx, Array(x.size(), NAN), {n}, DType::bf16), back = poisoned(ctx, {n});
    Array rounded;
    for (const double value : x) rounded.push_back(Bfloat16(value));
    run(ctx, ops::Cast{.x = tx, .y = half});
    check_equal("bf16", download(half), rounded);
    run(ctx, ops::Cast{.x = half, .y = back});
    check_equal("f32", download(back), rounded);
    run(ctx, ops::Cast{.x = tx, .y = back});
    check_equal("the same type", download(back), download(tx));
  }
}

TEST_CASE("add_score sums losses and hits", "[ops][arithmetic]") {
  for (const std::int64_t n : {0, 1, 31, 1000, 40'009}) {
    const Array loss = random_array(n, 1);
    Array correct = random_array(n, 2);
    double total = 3, hits = 5;
    for (std::size_t i = 0; i < loss.size(); ++i) {
      correct[i] = correct[i] > 0 ? 1 : 0;
      total += loss[i];
      hits += correct[i];
    }
    Context& ctx = test_context();
    const Tensor tloss = upload(ctx, loss, {n}, DType::f64);
    const Tensor tcorrect = upload(ctx, correct, {n}, DType::i32);
    Tensor sums = upload(ctx, Array{3, 5}, {2}, DType::f64);
    run(ctx, ops::AddScore{.loss = tloss, .correct = tcorrect, .sums = sums});
    CHECK(download(sums) == Array{total, hits});  // bf16 losses: every sum is exact
    sums = upload(ctx, Array{3, -0.0}, {2}, DType::f64);
    run(ctx, ops::AddScore{.loss = tloss, .correct = {}, .sums = sums});
    CHECK(download(sums) == Array{total, 0});
    CHECK(std::signbit(download(sums)[1]));  // adding 0 would change even that
  }
  Context& ctx = test_context();
  const Tensor loss = filled(ctx, {3}, 1), correct = upload_i32(ctx, {1, 0, 1}, {3});
  Tensor sums = upload(ctx, Array{0, 0}, {2}, DType::f64);
  require_error([&] { run(ctx, ops::AddScore{.loss = loss, .correct = correct, .sums = sums}); },
                "add_score: loss: expected f64, got f32");
  const Tensor losses = upload(ctx, Array(3, 1.0), {3}, DType::f64);
  const Tensor two = upload_i32(ctx, {1, 0}, {2});
  require_error([&] { run(ctx, ops::AddScore{.loss = losses, .correct = two, .sums = sums}); },
                "add_score: correct: expected (3), got (2)");
  require_error([&] { run(ctx, ops::AddScore{.loss = losses, .correct = losses, .sums = sums}); },
                "add_score: correct: expected i32, got f64");
}
