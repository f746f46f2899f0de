#include "tests/ops/attention_cases.h"

using namespace orchid;
using namespace orchid::test;

TEST_CASE("attention weighs values by the softmax of the scores", "[ops][attention]") {
  // No sample without keys here, whose logsumexp is infinite.
  const auto masking = GENERATE(Masking::none, Masking::padding, Masking::single);
  const std::int64_t L = GENERATE(1, 5, 64, 65, 197);
  check_attention({2, L, 12, 3}, masking);
  check_attention({1, L, 16, 1}, masking);
}

TEST_CASE("attention takes any heads and head sizes", "[ops][attention]") {
  const auto masking = GENERATE(Masking::none, Masking::padding);
  for (std::int64_t heads = 1; heads <= 12; ++heads)
    check_attention({1, 9, 5 * heads, heads}, masking);
  for (const std::int64_t heads : {1, 4, 12}) check_attention({2, 20, 8 * heads, heads}, masking);
  for (const std::int64_t size : {7, 24, 40, 64, 80, 96, 127, 128})
    check_attention({1, 33, 2 * size, 2}, masking);
}

TEST_CASE("attention's gradient equals central differences", "[ops][attention]") {
  const auto masking = GENERATE(Masking::none, Masking::padding, Masking::scattered);
  const Extents n{2, GENERATE(1, 6), GENERATE(6, 8), 2};
  const Array mask = make_mask(n, masking), qkv = random_array(3 * n.count(), 1);
  const Array dy = random_array(n.count(), 2);
  const Array gradient = numeric_gradient(attention(n, mask), qkv, dy);
  for_each_precision([&](Context& ctx, DType, Tolerance tolerance) {
    const Results got =
        run_both(ctx, n, spoiled(qkv, mask), dy, upload_mask(ctx, mask, n, masking));
    check_close("dqkv", got.dqkv, gradient, for_numeric(tolerance));
  });
}

TEST_CASE("attention of no key is zero, and so is its gradient", "[ops][attention]") {
  const Extents n{3, GENERATE(1, 9, 70), GENERATE(6, 16), 2};
  const auto masking = GENERATE(Masking::scattered, Masking::nothing);
  const Array mask = make_mask(n, masking), qkv = random_array(3 * n.count(), 1);
  const Array dy = random_array(n.count(), 2);
  const Array y = attention(n, mask)(qkv), dqkv = attention(n, mask).gradient(qkv, dy);
  for_each_precision([&](Context& ctx, DType, Tolerance tolerance) {
    const Results got =
        run_both(ctx, n, spoiled(qkv, mask), dy, upload(ctx, mask, {n.B, n.L}, DType::u8));
    check_close("y", got.y, y, tolerance);
    check_close("dqkv", got.dqkv, dqkv, tolerance);
    const auto middle = [&](const Array& all) {  // the second sample has no key in both maskings
      return Array(all.begin() + std::ssize(all) / 3, all.begin() + std::ssize(all) / 3 * 2);
    };
    check_equal("y without keys", middle(got.y), middle(Array(got.y.size(), 0.0)));
    check_equal("dqkv without keys", middle(got.dqkv), middle(Array(got.dqkv.size(), 0.0)));
    check_equal("logsumexp without keys", middle(got.logsumexp),
                middle(Array(got.logsumexp.size(), -INFINITY)));
  });
}

TEST_CASE("attention to a single key copies its value", "[ops][attention]") {
  const std::int64_t length = GENERATE(1, 12, 70), width = GENERATE(10, 64);
  const Extents n{2, length, width, 2};
  const Array mask = make_mask(n, Masking::single), qkv = random_array(3 * n.count(), 1);
  Array values;
  for (std::int64_t i = 0; i < n.count(); ++i) {
    const std::int64_t b = i / (n.L * n.D), key = b * n.L + (5 * b + 3) % n.L;
    values.push_back(qkv[static_cast<std::size_t>((key * 3 + 2) * n.D + i % n.D)]);
  }
  for_each_precision([&](Context& ctx, DType, Tolerance) {
    const Array dy(static_cast<std::size_t>(n.count()), 1.0);
    const Results got =
        run_both(ctx, n, spoiled(qkv, mask), dy, upload(ctx, mask, {n.B, n.L}, DType::u8));
    check_equal("y", got.y, values);
  });
}

TEST_CASE("attention does not overflow where scores are large", "[ops][attention]") {
  // Multiples of 8 up to 64 in heads of 4 channels: scores up to 8192, exact in float32, and far
  // beyond what exp can take in double.
  const Extents n{2, GENERATE(5, 70), 8, 2};
  Array qkv = random_array(3 * n.count(), 1);
  for (double& value : qkv) value = 8 * std::round(8 * value);
  check_attention(n, Masking::none, qkv, 8192);
  check_attention(n, Masking::padding, qkv, 8192);
}

TEST_CASE("attention takes operands at any address", "[ops][attention]") {
  const Extents n{2, 9, 32, 2};
  const Array qkv = random_array(3 * n.count(), 1), dy = random_array(n.count(), 2);
  const Array mask = make_mask(n, Masking::padding);
  // Which of the inputs and of the results begin one element late.
  const bool inputs = GENERATE(false, true), results = GENERATE(false, true);
  const auto shifted = [](bool late, Array values) {
    if (late) values.insert(values.begin(), NAN);
    values.push_back(NAN);
    return values;
  };
  for_each_precision([&](Context& ctx, DType compute, Tolerance tolerance) {
    const auto place = [&](bool late, const Array& values) {
      const Array all = shifted(late, values);
      return upload(ctx, all, {std::ssize(all)});
    };
    const auto blank = [&](const Shape& shape) {
      return place(results, Array(static_cast<std::size_t>(shape.count()), NAN));
    };
    Array kept = shifted(inputs, mask);
    kept.front() = kept.back() = 1;
    const Tensor tmask = upload(ctx, kept, {std::ssize(kept)}, DType::u8).slice(inputs, {n.B, n.L});
    const Tensor tqkv = place(inputs, qkv).slice(inputs, n.input());
    const Tensor tdy = place(inputs, dy).slice(inputs, n.output());
    Tensor all_y = blank(n.output()), all_dqkv = blank(n.input());
    Tensor y = all_y.slice(results, n.output()), dqkv = all_dqkv.slice(results, n.input());
    Tensor sums = poisoned_f(ctx, n.sums());
    run(ctx,
        ops::Attention{.qkv = tqkv, .mask = tmask, .y = y, .logsumexp = sums, .heads = n.heads});
    run(ctx, ops::AttentionGrad{.dy = tdy,
                                .qkv = tqkv,
                                .mask = tmask,
                                .y = y,
                                .logsumexp = sums,
                                .dqkv = dqkv,
                                .heads = n.heads});
    const reference::Attention wanted = attention(n, mask);
    check_close("y", y, wanted(qkv), tolerance);
    check_close("logsumexp", sums, wanted.logsumexp(qkv), of_sums(compute, tolerance));
    check_close("dqkv", dqkv, wanted.gradient(qkv, dy), tolerance);
    for (const Tensor& whole : {all_y, all_dqkv}) {  // nothing is written beside the results
      const Array values = download(whole);
      CHECK(std::isnan(values.back()));
      CHECK(std::isnan(values.front()) == results);
    }
  });
}

TEST_CASE("attention gives the same bits for any number of threads", "[ops][attention]") {
  // One head and sample a thread, and fewer of them than threads.
  const std::int64_t B = GENERATE(1, 3);
  const Extents n{B, B == 1 ? 300 : 70, 24, 2};
  const Array qkv = random_array(3 * n.count(), 1), dy = random_array(n.count(), 2);
  const Array mask = make_mask(n, B == 1 ? Masking::none : Masking::scattered);
  check_same_for_any_threads([&](Context& ctx) {
    const Results got = run_both(ctx, n, qkv, dy, upload(ctx, mask, {n.B, n.L}, DType::u8));
    Array all = got.y;
    all.insert(all.end(), got.logsumexp.begin(), got.logsumexp.end());
    all.insert(all.end(), got.dqkv.begin(), got.dqkv.end());
    return all;
  });
}

TEST_CASE("attention needs memory that grows with the length only", "[ops][attention]") {
  const auto peak = [](std::int64_t length) {
    Context ctx(test_device(), DType::f32, 2);
    const Extents n{1, length, 8, 1};
    const std::size_t before = ctx.memory()->peak();
    const Array qkv = random_array(3 * n.count(), 1), dy = random_array(n.count(), 2);
    run_both(ctx, n, qkv, dy, {});
    return static_cast<double>(ctx.memory()->peak() - before);
  };
  const std::int64_t length = built_with_cuda() ? 128 : 2048;
  // A row of inputs and results of both ops, with as much again for sums and for size classes.
  CHECK(peak(length) <= 256 * 1024 + static_cast<double>(length) * (8 * 8 + 1) * 4 * 2);
}

TEST_CASE("attention keeps its accuracy over long sequences", "[ops][attention]") {
  const Extents n{1, built_with_cuda() ? 501 : 3001, 2, 1};  // the host executor takes its time
  Array qkv = random_array(3 * n.count(), 1);
  for (double& value : qkv) value = Bfloat16(0.7 + value / 8);
  const Array mask(static_cast<std::size_t>(n.L), 1.0);
  for_each_compute([&](Context& ctx, DType, Tolerance tolerance) {
    const Array dy = random_array(n.count(), 2);
    const Results got = run_both(ctx, n, qkv, dy, {});
    const reference::Attention wanted = attention(n, mask);
    check_close("y", got.y, wanted(qkv), tolerance);
    check_close("logsumexp", got.logsumexp, wanted.logsumexp(qkv), tolerance);
    check_close("dqkv", got.dqkv, wanted.gradient(qkv, dy), of_length(tolerance, n.L));
  });
}

TEST_CASE("attention of nothing does nothing", "[ops][attention]") {
  Context& ctx = test_context();
  const Tensor qkv = ctx.empty({2, 0, 12});
  Tensor y = ctx.empty({2, 0, 4}), sums = ctx.empty({2, 2, 0}), dqkv = ctx.empty({2, 0, 12});
  run(ctx, ops::Attention{.qkv = qkv, .mask = {}, .y = y, .logsumexp = sums, .heads = 2});
  run(ctx,
      ops::AttentionGrad{
          .dy = y, .qkv = qkv, .mask = {}, .y = y, .logsumexp = sums, .dqkv = dqkv, .heads = 2});
  SUCCEED();
}

TEST_CASE("attention counts its products", "[ops][attention]") {
  Context ctx = Context::planning();
  const Tensor qkv = ctx.empty({2, 5, 24});
  Tensor y = ctx.empty({2, 5, 8}), sums = ctx.empty({2, 4, 5}), dqkv = ctx.empty({2, 5, 24});
  run(ctx, ops::Attention{.qkv = qkv, .mask = {}, .y = y, .logsumexp = sums, .heads = 4});
  const double product = 2.0 * 2 * 4 * 5 * 5 * 2;  // 2 B heads L L d
  CHECK(ctx.tally.flops == 2 * product);
  run(ctx,
      ops::AttentionGrad{
          .dy = y, .qkv = qkv, .mask = {}, .y = y, .logsumexp = sums, .dqkv = dqkv, .heads = 4});
  CHECK(ctx.tally.flops == 7 * product);
}

TEST_CASE("attention refuses operands that do not fit", "[ops][attention]") {
  Context& ctx = test_context();
  const Tensor qkv = filled(ctx, {2, 3, 12}, 1), odd = filled(ctx, {2, 3, 11}, 1);
  const Tensor mask = upload(ctx, Array(6, 1.0), {2, 3}, DType::u8);
  const Tensor wide = upload(ctx, Array(8, 1.0), {2, 4}, DType::u8);
  const Tensor indices = upload_i32(ctx, std::vector<int>(6, 1), {2, 3});
  Tensor y = poisoned(ctx, {2, 3, 4}), sums = poisoned(ctx, {2, 2, 3}), dqkv = qkv;
  Tensor turned = poisoned(ctx, {2, 3, 2}),
         halves = upload(ctx, Array(24, 0.0), {2, 3, 4}, DType::bf16);
  const auto forward = [&](const Tensor& from, const Tensor& kept, Tensor& to, Tensor& total,
                           std::int64_t heads = 2) {
    run(ctx,
        ops::Attention{.qkv = from, .mask = kept, .y = to, .logsumexp = total, .heads = heads});
  };
  require_error([&] { forward(odd, {}, y, sums); }, "attention: qkv: expected (B, L, 3 D), got");
  require_error([&] { forward(mask, {}, y, sums); }, "attention: qkv: expected (B, L, 3 D), got");
  require_error([&] { forward(qkv, {}, y, sums, 3); },
                "attention: heads: expected a divisor of D = 4, got 3");
  require_error([&] { forward(qkv, {}, y, sums, 0); },
                "attention: heads: expected a divisor of D = 4, got 0");
  require_error([&] { forward(qkv, {}, dqkv, sums); },
                "attention: y: expected (2, 3, 4), got (2, 3, 12)");
  require_error([&] { forward(qkv, {}, halves, sums); }, "attention: y: expected f32, got bf16");
  require_error([&] { forward(qkv, {}, y, turned); },
                "attention: logsumexp: expected (2, 2, 3), got (2, 3, 2)");
  require_error([&] { forward(qkv, wide, y, sums); },
                "attention: mask: expected (2, 3), got (2, 4)");
  require_error([&] { forward(qkv, indices, y, sums); }, "attention: mask: expected u8, got i32");
  const auto backward = [&](const Tensor& dy, const Tensor& kept, Tensor& to) {
    run(ctx,
        ops::AttentionGrad{
            .dy = dy, .qkv = qkv, .mask = kept, .y = y, .logsumexp = sums, .dqkv = to, .heads = 2});
  };
  require_error([&] { backward(qkv, {}, dqkv); },
                "attention_grad: dy: expected (2, 3, 4), got (2, 3, 12)");
  require_error([&] { backward(halves, {}, dqkv); }, "attention_grad: dy: expected f32, got bf16");
  require_error([&] { backward(y, {}, y); },
                "attention_grad: dqkv: expected (2, 3, 12), got (2, 3, 4)");
  require_error([&] { backward(y, wide, dqkv); },
                "attention_grad: mask: expected (2, 3), got (2, 4)");
}
