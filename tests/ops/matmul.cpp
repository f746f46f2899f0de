#include "kernels/ops/matmul.h"

#include "tests/reference/matmul.h"
#include "tests/support/arrays.h"

using namespace orchid;
using namespace orchid::test;

namespace {

struct Sizes {
  std::int64_t m, n, k;
};
// Ones, primes, around the vector width and the register blocks, and enough for two threads.
constexpr Sizes kSizes[] = {{1, 1, 1},    {1, 17, 5},  {7, 5, 3},      {15, 16, 17},
                            {33, 49, 65}, {9, 97, 31}, {257, 131, 67}, {40, 900, 60}};

reference::Product product(const Sizes& s, bool transpose_a, bool transpose_b) {
  return {static_cast<std::size_t>(s.m), static_cast<std::size_t>(s.n),
          static_cast<std::size_t>(s.k), transpose_a, transpose_b};
}

Shape matrix(std::int64_t rows, std::int64_t columns, bool transposed) {
  return transposed ? Shape{columns, rows} : Shape{rows, columns};
}

Array plus_bias(Array c, const Array& bias) {
  for (std::size_t i = 0; i < c.size(); ++i) c[i] += bias[i % bias.size()];
  return c;
}

/// cuBLASLt may round a bf16 product before it adds the bias and rounds again.
Tolerance and_bias(DType dtype, Tolerance tolerance) {
  return dtype == DType::bf16 ? tolerance * 2 : tolerance;
}

}  // namespace

TEST_CASE("matmul equals the triple sum for every transpose, with and without bias",
          "[ops][matmul]") {
  const bool transpose_a = GENERATE(false, true), transpose_b = GENERATE(false, true);
  for (const Sizes& s : kSizes) {
    INFO(s.m << " x " << s.n << " x " << s.k << ", " << transpose_a << transpose_b);
    const Array a = random_array(s.m * s.k, 1), b = random_array(s.k * s.n, 2);
    const Array bias = random_array(s.n, 3);
    const Array expected = product(s, transpose_a, transpose_b)(a, b);
    for_each_precision([&](Context& ctx, DType dtype, Tolerance tolerance) {
      const Tolerance of_sums = dtype == DType::bf16 ? kF32 : tolerance;
      const Tensor ta = upload(ctx, a, matrix(s.m, s.k, transpose_a));
      const Tensor tb = upload(ctx, b, matrix(s.k, s.n, transpose_b));
      const Tensor tbias = upload_f(ctx, bias, {s.n});
      Tensor c = poisoned(ctx, {s.m, s.n});
      ops::Matmul op{.a = ta, .b = tb, .bias = {}, .c = c};
      op.transpose_a = transpose_a;
      op.transpose_b = transpose_b;
      run(ctx, op);
      check_close("c", c, expected, tolerance);
      Tensor with_bias = poisoned(ctx, {s.m, s.n});
      op = {.a = ta, .b = tb, .bias = tbias, .c = with_bias};
      op.transpose_a = transpose_a;
      op.transpose_b = transpose_b;
      run(ctx, op);
      check_close("c with bias", with_bias, plus_bias(expected, bias), and_bias(dtype, tolerance));
      Tensor sum = filled_f(ctx, {s.m, s.n}, 0.5);
      run(ctx,
          ops::MatmulAccumulate{
              .a = ta, .b = tb, .c = sum, .transpose_a = transpose_a, .transpose_b = transpose_b});
      check_close("c +=", sum, added_to(0.5, expected), of_sums);
    });
  }
}

TEST_CASE("matmul takes operands at any address", "[ops][matmul]") {
  const std::int64_t M = 7, N = 8, K = 16;
  const Array a = random_array(M * K + 1, 1), b = random_array(N * K + 3, 2);
  const Array bias = random_array(N + 1, 3);
  const auto from = [](const Array& values, std::ptrdiff_t first) {
    return Array(values.begin() + first, values.end());
  };
  const Array expected = plus_bias(
      product({.m = M, .n = N, .k = K}, false, true)(from(a, 1), from(b, 3)), from(bias, 1));
  for_each_precision([&](Context& ctx, DType, Tolerance tolerance) {
    const Tensor ta = upload(ctx, a, {M * K + 1}), tb = upload(ctx, b, {N * K + 3});
    const Tensor tbias = upload_f(ctx, bias, {N + 1});
    Tensor c = poisoned(ctx, {M * N + 1}), c_part = c.slice(1, {M, N});
    run(ctx, ops::Matmul{.a = ta.slice(1, {M, K}),
                         .b = tb.slice(3, {N, K}),
                         .bias = tbias.slice(1, {N}),
                         .c = c_part,
                         .transpose_b = true});
    check_close("c", c_part, expected, tolerance);
    CHECK(std::isnan(download(c)[0]));
  });
}

TEST_CASE("products may be allowed less exact operands", "[ops][matmul]") {
  const Array a = random_array(40 * 64, 1), b = random_array(64 * 48, 2);
  Context ctx(test_device(), DType::f32, 2);
  ctx.set_allow_tf32(true);
  const Tensor ta = upload(ctx, a, {40, 64}), tb = upload(ctx, b, {64, 48});
  Tensor c = poisoned(ctx, {40, 48});
  run(ctx, ops::Matmul{.a = ta, .b = tb, .bias = {}, .c = c});
  check_close("c", c, product({.m = 40, .n = 48, .k = 64}, false, false)(a, b), {1e-3});
}

TEST_CASE("the gradients of a Linear layer are products", "[ops][matmul]") {
  const std::int64_t B = 2, L = 3, I = 5, O = 4;
  const reference::Product forward{6, 4, 5, false, true};
  const Array x = random_array(B * L * I, 1), w = random_array(O * I, 2);
  const Array g = random_array(B * L * O, 3);
  const Array dx = numeric_gradient([&](const Array& v) { return forward(v, w); }, x, g);
  const Array dw = numeric_gradient([&](const Array& v) { return forward(x, v); }, w, g);
  for_each_precision([&](Context& ctx, DType dtype, Tolerance tolerance) {
    const Tolerance of_sums = dtype == DType::bf16 ? kF32 : tolerance;
    const Tensor tx = upload(ctx, x, {B, L, I}), tw = upload(ctx, w, {O, I});
    const Tensor tg = upload(ctx, g, {B, L, O});
    Tensor y = poisoned(ctx, {B, L, O}), tdx = poisoned(ctx, {B, L, I});
    Tensor tdw = filled_f(ctx, {O, I}, -0.25);
    run(ctx, ops::Matmul{.a = tx, .b = tw, .bias = {}, .c = y, .transpose_b = true});
    check_close("y", y, forward(x, w), tolerance);
    run(ctx, ops::Matmul{.a = tg, .b = tw, .bias = {}, .c = tdx});
    check_close("dx", tdx, dx, for_numeric(tolerance));
    run(ctx, ops::MatmulAccumulate{.a = tg, .b = tx, .c = tdw, .transpose_a = true});
    check_close("dw", tdw, added_to(-0.25, dw), for_numeric(of_sums));
  });
}

TEST_CASE("a weight gradient's product also sums its rows for the bias", "[ops][matmul]") {
  const std::int64_t rows = GENERATE(0, 1, 7, 63, 65, 200), M = GENERATE(1, 7, 16, 33), N = 5;
  const Array dy = random_array(rows * M, 1), x = random_array(rows * N, 2);
  Array sums(static_cast<std::size_t>(M), 2.0);
  for (std::size_t i = 0; i < dy.size(); ++i) sums[i % sums.size()] += dy[i];
  const Array product_of_both = product({.m = M, .n = N, .k = rows}, true, false)(dy, x);
  for_each_precision([&](Context& ctx, DType dtype, Tolerance tolerance) {
    const Tolerance of_sums = dtype == DType::bf16 ? kF32 : tolerance;
    const Tensor tdy = upload(ctx, dy, {rows, M}), tx = upload(ctx, x, {rows, N});
    Tensor dw = filled_f(ctx, {M, N}, 0.5), db = filled_f(ctx, {M}, 2);
    run(ctx, ops::MatmulAccumulate{.a = tdy, .b = tx, .c = dw, .a_sums = db, .transpose_a = true});
    check_close("dw", dw, added_to(0.5, product_of_both), of_sums);
    check_close("db", db, sums, of_sums);
  });
  Context& ctx = test_context();
  const Tensor a = filled(ctx, {M, M}, 1);
  Tensor c = filled(ctx, {M, M}, 0), db = filled(ctx, {M}, 0);
  require_error([&] { run(ctx, ops::MatmulAccumulate{.a = a, .b = a, .c = c, .a_sums = db}); },
                "matmul_accumulate: a_sums: expected a product with transpose_a");
  Tensor long_db = filled(ctx, {M + 1}, 0);
  require_error(
      [&] {
        run(ctx,
            ops::MatmulAccumulate{.a = a, .b = a, .c = c, .a_sums = long_db, .transpose_a = true});
      },
      str("matmul_accumulate: a_sums: expected (", M, "), got (", M + 1, ")"));
}

TEST_CASE("products of nothing are zero", "[ops][matmul]") {
  for_each_precision([&](Context& ctx, DType, Tolerance) {
    const Tensor no_rows = ctx.empty({0, 3}), some = filled(ctx, {3, 3}, 0.5);
    const Tensor bias = filled_f(ctx, {3}, 2);
    Tensor c = poisoned(ctx, {3, 3}), sum = filled_f(ctx, {3, 3}, 0.5), none = ctx.empty({0, 3});
    run(ctx, ops::Matmul{.a = no_rows, .b = no_rows, .bias = {}, .c = c, .transpose_a = true});
    check_equal("c", download(c), Array(9, 0.0));
    run(ctx, ops::Matmul{.a = no_rows, .b = no_rows, .bias = bias, .c = c, .transpose_a = true});
    check_equal("c with bias", download(c), Array(9, 2.0));
    run(ctx, ops::MatmulAccumulate{.a = no_rows, .b = no_rows, .c = sum, .transpose_a = true});
    check_equal("c +=", download(sum), Array(9, 0.5));
    run(ctx, ops::Matmul{.a = no_rows, .b = some, .bias = {}, .c = none});
  });
}

TEST_CASE("matmul refuses operands that do not fit", "[ops][matmul]") {
  Context& ctx = test_context();
  const Tensor a = filled(ctx, {4, 3}, 1), b = filled(ctx, {5, 2}, 1), bias = filled(ctx, {3}, 1);
  const Tensor w = filled(ctx, {2, 3}, 1);
  Tensor c = poisoned(ctx, {4, 2}), wrong = poisoned(ctx, {4, 3});
  require_error([&] { run(ctx, ops::Matmul{.a = a, .b = b, .bias = {}, .c = c}); },
                "matmul: inner extents of a b: expected 3, got 5");
  require_error(
      [&] { run(ctx, ops::Matmul{.a = a, .b = w, .bias = {}, .c = wrong, .transpose_b = true}); },
      "matmul: c: expected (4, 2)");
  require_error(
      [&] { run(ctx, ops::Matmul{.a = a, .b = w, .bias = bias, .c = c, .transpose_b = true}); },
      "matmul: bias: expected (2), got (3)");
  require_error([&] { run(ctx, ops::MatmulAccumulate{.a = a, .b = b, .c = c}); },
                "matmul_accumulate: inner extents of a b: expected 3, got 5");
  const Tensor half = upload(ctx, Array(6, 1), {2, 3}, DType::bf16);
  require_error(
      [&] { run(ctx, ops::Matmul{.a = a, .b = half, .bias = {}, .c = c, .transpose_b = true}); },
      "matmul: b: expected f32, got bf16");
}

TEST_CASE("the sums for the bias have the same bits with any number of threads", "[ops][matmul]") {
  const Array dy = random_array(1001 * 40, 1), x = random_array(1001, 2);
  check_same_for_any_threads([&](Context& ctx) {
    const Tensor tdy = upload(ctx, dy, {1001, 40}), tx = upload(ctx, x, {1001, 1});
    Tensor dw = filled(ctx, {40, 1}, 0), db = filled(ctx, {40}, 0.1);
    run(ctx, ops::MatmulAccumulate{.a = tdy, .b = tx, .c = dw, .a_sums = db, .transpose_a = true});
    return download(db);
  });
}

TEST_CASE("block_diagonal is a Linear layer per chunk of columns, and its gradients",
          "[ops][matmul]") {
  const std::int64_t R = GENERATE(1, 7, 33), b = GENERATE(1, 3), q = GENERATE(1, 5, 8, 17), p = 6;
  const reference::BlockDiagonal forward{static_cast<std::size_t>(R), static_cast<std::size_t>(b),
                                         static_cast<std::size_t>(q), 6};
  const Array x = random_array(R * b * p, 1), w = random_array(b * q * p, 2);
  const Array bias = random_array(b * q, 3), g = random_array(R * b * q, 4);
  const Array none(bias.size(), 0.0);
  const Array dx = numeric_gradient([&](const Array& v) { return forward(v, w, bias); }, x, g);
  const Array dw = numeric_gradient([&](const Array& v) { return forward(x, v, bias); }, w, g);
  const Array db = numeric_gradient([&](const Array& v) { return forward(x, w, v); }, bias, g);
  for_each_precision([&](Context& ctx, DType dtype, Tolerance tolerance) {
    const Tolerance of_sums = dtype == DType::bf16 ? kF32 : tolerance;
    const Tensor tx = upload(ctx, x, {R, b * p}), tw = upload(ctx, w, {b, q, p});
    const Tensor tbias = upload_f(ctx, bias, {b * q}), tg = upload(ctx, g, {R, b * q});
    Tensor y = poisoned(ctx, {R, b * q}), tdx = poisoned(ctx, {R, b * p});
    Tensor tdw = filled_f(ctx, {b, q, p}, 0.5), tdb = filled_f(ctx, {b * q}, -0.5);
    run(ctx, ops::BlockDiagonal{.x = tx, .weight = tw, .bias = tbias, .y = y});
    check_close("y", y, forward(x, w, bias), and_bias(dtype, tolerance));
    run(ctx, ops::BlockDiagonal{.x = tx, .weight = tw, .bias = {}, .y = y});
    check_close("y without bias", y, forward(x, w, none), tolerance);
    run(ctx, ops::BlockDiagonalGrad{
                 .dy = tg, .x = tx, .weight = tw, .dx = tdx, .dweight = tdw, .dbias = tdb});
    check_close("dx", tdx, dx, for_numeric(tolerance));
    check_close("dweight", tdw, added_to(0.5, dw), for_numeric(of_sums));
    check_close("dbias", tdb, added_to(-0.5, db), for_numeric(of_sums));
  });
}

TEST_CASE("block_diagonal refuses a width that the blocks do not cover", "[ops][matmul]") {
  Context& ctx = test_context();
  const Tensor x = filled(ctx, {4, 7}, 1), w = filled(ctx, {2, 5, 3}, 1);
  Tensor y = poisoned(ctx, {4, 10});
  require_error([&] { run(ctx, ops::BlockDiagonal{.x = x, .weight = w, .bias = {}, .y = y}); },
                "block_diagonal: x: expected 6 columns for weight (2, 5, 3), got (4, 7)");
  Tensor dx = poisoned(ctx, {4, 6}), dw = filled(ctx, {2, 5, 3}, 0);
  const Tensor fit = filled(ctx, {4, 6}, 1), dy = filled(ctx, {4, 9}, 1);
  require_error(
      [&] {
        run(ctx, ops::BlockDiagonalGrad{
                     .dy = dy, .x = fit, .weight = w, .dx = dx, .dweight = dw, .dbias = {}});
      },
      "block_diagonal_grad: dy: expected (4, 10), got (4, 9)");
}
