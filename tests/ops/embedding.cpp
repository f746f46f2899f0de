#include "kernels/ops/embedding.h"

#include "tests/reference/embedding.h"
#include "tests/support/arrays.h"

using namespace orchid;
using namespace orchid::test;

namespace {

/// `n` indices in [0, limit).
std::vector<int> random_indices(std::int64_t n, int limit, std::uint64_t seed) {
  std::vector<int> indices;
  for (const double value : random_array(n, seed))
    indices.push_back(static_cast<int>((value + 1) / 2 * limit));
  return indices;
}

/// Every second or third row or so, ascending.
std::vector<int> some_rows(std::int64_t count) {
  std::vector<int> rows;
  const Array draws = random_array(count, 9);
  for (int row = 0; row < count; ++row)
    if (draws[static_cast<std::size_t>(row)] < -0.2 || row == count - 1) rows.push_back(row);
  return rows;
}

constexpr std::int64_t V = 11, T = 3;

}  // namespace

TEST_CASE("embedding sums the rows of its tables, whichever are given", "[ops][embedding]") {
  const std::int64_t B = GENERATE(1, 3), L = GENERATE(1, 7, 150), D = GENERATE(1, 15, 65);
  const bool with_positions = GENERATE(false, true), with_types = GENERATE(false, true);
  const bool with_segments = GENERATE(false, true);
  const auto given = [](bool is_given, const Array& values) { return is_given ? values : Array{}; };
  const Array tokens = random_array(V * D, 1), positions = random_array((L + 2) * D, 2);
  const Array types = random_array(T * D, 3);
  reference::Embedding lookup{static_cast<std::size_t>(L), static_cast<std::size_t>(D),
                              random_indices(B * L, V, 4), random_indices(B * L, T, 5)};
  const std::vector<int> segments = lookup.segments;
  if (!with_segments) lookup.segments.clear();
  const Array expected = lookup(tokens, given(with_positions, positions), given(with_types, types));
  for_each_precision([&](Context& ctx, DType, Tolerance tolerance) {
    const Tensor ids = upload_i32(ctx, lookup.ids, {B, L});
    const Tensor token_rows = upload_f(ctx, tokens, {V, D});
    Tensor segment_ids, position_rows, type_rows, y = poisoned(ctx, {B, L, D});
    if (with_segments) segment_ids = upload_i32(ctx, segments, {B, L});
    if (with_positions) position_rows = upload_f(ctx, positions, {L + 2, D});
    if (with_types) type_rows = upload_f(ctx, types, {T, D});
    run(ctx, ops::Embedding{.ids = ids,
                            .segments = segment_ids,
                            .tokens = token_rows,
                            .positions = position_rows,
                            .types = type_rows,
                            .y = y});
    check_close("y", y, expected, tolerance);
  });
}

TEST_CASE("embedding_grad equals central differences and skips the padding row",
          "[ops][embedding]") {
  const std::int64_t B = GENERATE(1, 3), L = GENERATE(1, 7), D = GENERATE(1, 5, 17);
  const std::int64_t padding_id = GENERATE(-1, 2);
  const reference::Embedding lookup{static_cast<std::size_t>(L), static_cast<std::size_t>(D),
                                    random_indices(B * L, V, 4), random_indices(B * L, T, 5)};
  const Array tokens = random_array(V * D, 1), positions = random_array((L + 2) * D, 2);
  const Array types = random_array(T * D, 3), dy = random_array(B * L * D, 6);
  Array dtokens =
      numeric_gradient([&](const Array& v) { return lookup(v, positions, types); }, tokens, dy);
  const Array dpositions =
      numeric_gradient([&](const Array& v) { return lookup(tokens, v, types); }, positions, dy);
  const Array dtypes =
      numeric_gradient([&](const Array& v) { return lookup(tokens, positions, v); }, types, dy);
  for (std::int64_t c = 0; c < D && padding_id >= 0; ++c)
    dtokens[static_cast<std::size_t>(padding_id * D + c)] = 0;
  for_each_precision([&](Context& ctx, DType dtype, Tolerance of_activations) {
    const Tolerance tolerance = dtype == DType::bf16 ? kF32 : of_activations;
    const Tensor ids = upload_i32(ctx, lookup.ids, {B, L});
    const Tensor segments = upload_i32(ctx, lookup.segments, {B, L});
    const Tensor tdy = upload(ctx, dy, {B, L, D});
    Tensor token_rows = filled_f(ctx, {V, D}, 0.5);
    Tensor position_rows = filled_f(ctx, {L + 2, D}, 0.25);
    Tensor type_rows = filled_f(ctx, {T, D}, -1), alone = filled_f(ctx, {V, D}, 0.5);
    run(ctx, ops::EmbeddingGrad{.dy = tdy,
                                .ids = ids,
                                .segments = segments,
                                .dtokens = token_rows,
                                .dpositions = position_rows,
                                .dtypes = type_rows,
                                .padding_id = padding_id});
    check_close("dtokens", token_rows, added_to(0.5, dtokens), for_numeric(tolerance));
    check_close("dpositions", position_rows, added_to(0.25, dpositions), for_numeric(tolerance));
    check_close("dtypes", type_rows, added_to(-1, dtypes), for_numeric(tolerance));
    run(ctx, ops::EmbeddingGrad{.dy = tdy,
                                .ids = ids,
                                .segments = {},
                                .dtokens = alone,
                                .dpositions = {},
                                .dtypes = {},
                                .padding_id = padding_id});
    check_equal("dtokens alone", download(alone), download(token_rows));
  });
}

TEST_CASE("embedding_grad sums runs of any length in order of position", "[ops][embedding]") {
  // More tokens than one or two bytes count, some of them far more frequent than others.
  const std::int64_t B = 3, L = 331, D = GENERATE(3, 4, 8);
  const std::int64_t vocabulary = D == 3 ? 70'000 : 700, padding_id = GENERATE(-1, 5, 699);
  std::vector<int> token_ids = random_indices(B * L, static_cast<int>(vocabulary), 4);
  const Array draws = random_array(B * L, 7);
  for (std::size_t i = 0; i < token_ids.size(); ++i) {
    if (draws[i] < -0.5) token_ids[i] = 5;
    if (draws[i] > 0.25) token_ids[i] = 699;
  }
  const Array dy = random_array(B * L * D, 6);
  Array expected(static_cast<std::size_t>(vocabulary * D), 0.5);
  for (std::size_t i = 0; i < dy.size(); ++i) {
    const auto width = static_cast<std::size_t>(D);
    const int id = token_ids[i / width];
    if (id != padding_id) expected[static_cast<std::size_t>(id) * width + i % width] += dy[i];
  }
  for_each_precision([&](Context& ctx, DType dtype, Tolerance tolerance) {
    const Tensor ids = upload_i32(ctx, token_ids, {B, L}), tdy = upload(ctx, dy, {B, L, D});
    Tensor dtokens = filled_f(ctx, {vocabulary, D}, 0.5);
    run(ctx, ops::EmbeddingGrad{.dy = tdy,
                                .ids = ids,
                                .segments = {},
                                .dtokens = dtokens,
                                .dpositions = {},
                                .dtypes = {},
                                .padding_id = padding_id});
    check_close("dtokens", dtokens, expected, dtype == DType::bf16 ? kF32 : tolerance);
  });
}

TEST_CASE("embedding_grad gives the same bits with any number of threads", "[ops][embedding]") {
  const std::int64_t B = 2, L = 100, D = 333;
  const std::vector<int> token_ids = random_indices(B * L, V, 4);
  const Array dy = random_array(B * L * D, 6);
  check_same_for_any_threads([&](Context& ctx) {
    const Tensor ids = upload_i32(ctx, token_ids, {B, L}), tdy = upload(ctx, dy, {B, L, D});
    Tensor dtokens = filled(ctx, {V, D}, 0.1);
    run(ctx, ops::EmbeddingGrad{.dy = tdy,
                                .ids = ids,
                                .segments = {},
                                .dtokens = dtokens,
                                .dpositions = {},
                                .dtypes = {}});
    return download(dtokens);
  });
}

TEST_CASE("embedding refuses tables that do not fit", "[ops][embedding]") {
  Context& ctx = test_context();
  const Tensor tokens = filled(ctx, {5, 4}, 1), positions = filled(ctx, {2, 4}, 1);
  const Tensor ids = upload_i32(ctx, {0, 1, 4}, {1, 3});
  const Tensor half = upload(ctx, Array(20, 1), {5, 4}, DType::bf16);
  Tensor y = poisoned(ctx, {1, 3, 4});
  const auto embed = [&](const Tensor& table, OptionalIn rows) {
    run(ctx,
        ops::Embedding{
            .ids = ids, .segments = {}, .tokens = table, .positions = rows, .types = {}, .y = y});
  };
  require_error([&] { embed(tokens, positions); },
                "embedding: positions: expected at least (3, 4), got (2, 4)");
  require_error([&] { embed(half, {}); }, "embedding: expected tables of f32 beside f32, got bf16");
}

TEST_CASE("embedding refuses ids beyond its tables, or gives rows of NaN on a GPU",
          "[ops][embedding]") {
  Context& ctx = test_context();
  const Tensor tokens = filled(ctx, {5, 4}, 1), types = filled(ctx, {2, 4}, 1);
  const Tensor good = upload_i32(ctx, {0, 1, 4}, {1, 3}), bad = upload_i32(ctx, {0, 5, 1}, {1, 3});
  const Tensor negative = upload_i32(ctx, {0, 1, -1}, {1, 3});
  const Tensor dy = filled(ctx, {1, 3, 4}, 1);
  Tensor y = poisoned(ctx, {1, 3, 4}), dtokens = filled(ctx, {5, 4}, 0);
  const auto embed = [&](const Tensor& ids, OptionalIn segments) {
    run(ctx, ops::Embedding{.ids = ids,
                            .segments = segments,
                            .tokens = tokens,
                            .positions = {},
                            .types = types,
                            .y = y});
  };
  const auto add_gradient = [&] {
    run(ctx, ops::EmbeddingGrad{.dy = dy,
                                .ids = bad,
                                .segments = {},
                                .dtokens = dtokens,
                                .dpositions = {},
                                .dtypes = {}});
  };
  if (built_with_cuda()) {
    const auto nan_rows = [&] {
      std::string rows;
      const Array values = download(y);
      for (std::size_t i = 0; i < values.size(); i += 4) rows += std::isnan(values[i]) ? "n" : ".";
      return rows;
    };
    embed(bad, {});
    CHECK(nan_rows() == ".n.");
    embed(negative, {});
    CHECK(nan_rows() == "..n");
    embed(good, good);
    CHECK(nan_rows() == "..n");
    add_gradient();
    check_equal("dtokens", download(dtokens),
                {1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    return;
  }
  require_error([&] { embed(bad, {}); }, "embedding: ids[1]: expected an index in [0, 5), got 5");
  require_error([&] { embed(negative, {}); },
                "embedding: ids[2]: expected an index in [0, 5), got -1");
  require_error([&] { embed(good, good); },
                "embedding: segments[2]: expected an index in [0, 2), got 4");
  require_error(add_gradient, "embedding_grad: ids[1]: expected an index in [0, 5), got 5");
}

TEST_CASE("gather_rows takes rows and its gradient puts them back among zeros",
          "[ops][embedding]") {
  const std::int64_t R = GENERATE(1, 7, 600), D = GENERATE(1, 8, 15, 65);
  const std::int64_t padding = GENERATE(0, 3);  // rows of -1 at the end
  std::vector<int> rows = some_rows(R);
  const auto used = static_cast<std::int64_t>(rows.size()), M = used + padding;
  const Array x = random_array(R * D, 1), dy = random_array(M * D, 2);
  Array expected = reference::gather_rows(x, rows, static_cast<std::size_t>(D));
  Array dx(x.size());
  for (std::size_t m = 0; m < rows.size(); ++m)
    std::copy_n(dy.begin() + static_cast<std::ptrdiff_t>(m) * D, D,
                dx.begin() + static_cast<std::ptrdiff_t>(rows[m]) * D);
  rows.resize(static_cast<std::size_t>(M), -1);
  expected.resize(static_cast<std::size_t>(M * D), 0);
  for_each_precision([&](Context& ctx, DType, Tolerance) {
    const Tensor tx = upload(ctx, x, {1, R, D}), tdy = upload(ctx, dy, {M, D});
    const Tensor trows = upload_i32(ctx, rows, {M});
    Tensor y = poisoned(ctx, {M, D}), tdx = poisoned(ctx, {1, R, D});
    run(ctx, ops::GatherRows{.x = tx, .rows = trows, .y = y});
    check_equal("y", download(y), expected);
    run(ctx, ops::GatherRowsGrad{.dy = tdy, .rows = trows, .dx = tdx});
    check_equal("dx", download(tdx), dx);
  });
}

TEST_CASE("gather_rows_grad of no rows is zero", "[ops][embedding]") {
  Context& ctx = test_context();
  const Tensor dy = ctx.empty({0, 3}), rows = ctx.empty({0}, DType::i32);
  Tensor dx = poisoned(ctx, {2, 3});
  run(ctx, ops::GatherRowsGrad{.dy = dy, .rows = rows, .dx = dx});
  check_equal("dx", download(dx), Array(6, 0.0));
}

TEST_CASE("gather_rows refuses a result that does not fit", "[ops][embedding]") {
  Context& ctx = test_context();
  const Tensor x = filled(ctx, {4, 3}, 1), rows = upload_i32(ctx, {1, 3}, {2});
  Tensor few = poisoned(ctx, {1, 3}), half = upload(ctx, Array(6, 1), {2, 3}, DType::bf16);
  require_error([&] { run(ctx, ops::GatherRows{.x = x, .rows = rows, .y = few}); },
                "gather_rows: y: expected (2, 3), got (1, 3)");
  require_error([&] { run(ctx, ops::GatherRows{.x = x, .rows = rows, .y = half}); },
                "gather_rows: y: expected f32, got bf16");
}

TEST_CASE("gather_rows refuses rows out of range or order", "[ops][embedding]") {
  if (built_with_cuda()) return;  // it never looks at what lies on a GPU
  Context& ctx = test_context();
  const Tensor x = filled(ctx, {4, 3}, 1);
  const Tensor beyond = upload_i32(ctx, {1, 4}, {2}), twice = upload_i32(ctx, {2, 2}, {2});
  const Tensor hole = upload_i32(ctx, {-1, 2}, {2});
  Tensor y = poisoned(ctx, {2, 3}), dx = poisoned(ctx, {4, 3});
  require_error([&] { run(ctx, ops::GatherRows{.x = x, .rows = beyond, .y = y}); },
                "gather_rows: rows[1]: expected an index in [0, 4), got 4");
  require_error([&] { run(ctx, ops::GatherRows{.x = x, .rows = hole, .y = y}); },
                "gather_rows: rows[0]: expected an index in [0, 4), got -1");
  require_error([&] { run(ctx, ops::GatherRowsGrad{.dy = y, .rows = twice, .dx = dx}); },
                "gather_rows_grad: rows[1]: expected ascending and distinct rows, got 2 after 2");
}
