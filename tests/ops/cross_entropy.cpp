#include "kernels/ops/cross_entropy.h"

#include "tests/reference/cross_entropy.h"
#include "tests/support/arrays.h"

using namespace orchid;
using namespace orchid::test;

namespace {

std::vector<int> make_targets(std::int64_t rows, std::int64_t width) {
  std::vector<int> targets;
  for (const double value : random_array(rows, 7))
    targets.push_back(static_cast<int>((value + 1) / 2 * static_cast<double>(width)));
  return targets;
}

/// Outputs of one call.
struct Result {
  Tensor loss, correct;
  Result(Context& ctx, std::int64_t rows)
      : loss(upload(ctx, Array(static_cast<std::size_t>(rows), NAN), {rows}, DType::f64)),
        correct(upload_i32(ctx, std::vector<int>(static_cast<std::size_t>(rows), -7), {rows})) {}
};

}  // namespace

TEST_CASE("cross_entropy is the loss per row, and its gradient, also in place",
          "[ops][cross_entropy]") {
  const std::int64_t M = GENERATE(1, 5, 9), V = GENERATE(1, 2, 15, 17, 129, 136);
  INFO("M " << M << ", V " << V);
  const Array logits = exact(scaled(random_array(M * V, 1), 6));
  const std::vector<int> targets = make_targets(M, V);
  const auto loss_of = [&](const Array& v) { return reference::cross_entropy(v, targets); };
  const Array expected = loss_of(logits);
  const Array gradient = numeric_gradient(loss_of, logits, Array(targets.size(), 1.0));
  for_each_precision([&](Context& ctx, DType dtype, Tolerance tolerance) {
    Tensor x = upload(ctx, logits, {M, V}), dx = poisoned(ctx, {M, V});
    const Tensor t = upload_i32(ctx, targets, {M});
    Result first(ctx, M), second(ctx, M), third(ctx, M);
    run(ctx, ops::CrossEntropy{.logits = x,
                               .targets = t,
                               .loss = first.loss,
                               .correct = first.correct,
                               .dlogits = dx});
    run(ctx, ops::CrossEntropy{.logits = x,
                               .targets = t,
                               .loss = second.loss,
                               .correct = second.correct,
                               .dlogits = {}});
    run(ctx,
        ops::CrossEntropy{
            .logits = x, .targets = t, .loss = third.loss, .correct = third.correct, .dlogits = x});
    // A class of one: loss and gradient are 0 up to rounding of 1.
    if (V == 1) return check_equal("loss", download(first.loss), expected);
    check_close("loss", first.loss, expected, of_sums(dtype, tolerance));
    check_close("loss without gradient", second.loss, download(first.loss), {0});
    check_close("loss in place", third.loss, download(first.loss), {0});
    check_close("dlogits", dx, gradient, for_numeric(tolerance));
    check_equal("dlogits in logits", download(x), download(dx));
  });
}

TEST_CASE("cross_entropy over a vocabulary of BERT's size keeps its accuracy",
          "[ops][cross_entropy]") {
  const std::int64_t M = 3, V = 30'528;
  const Array logits = scaled(random_array(M * V, 1), 4);
  const std::vector<int> targets = make_targets(M, V);
  const Array expected = reference::cross_entropy(logits, targets);
  Context& ctx = test_context();
  const Tensor x = upload(ctx, logits, {M, V}), t = upload_i32(ctx, targets, {M});
  Tensor dx = poisoned(ctx, {M, V});
  Result result(ctx, M);
  run(ctx, ops::CrossEntropy{.logits = x,
                             .targets = t,
                             .loss = result.loss,
                             .correct = result.correct,
                             .dlogits = dx});
  check_close("loss", result.loss, expected, {1e-7});
  // Each row of the gradient sums to 0.
  const Array gradient = download(dx);
  for (std::size_t row = 0; row < targets.size(); ++row) {
    double sum = 0;
    for (std::size_t v = 0; v < V; ++v) sum += gradient[row * V + v];
    CHECK(std::abs(sum) < 1e-6);
  }
}

TEST_CASE("cross_entropy counts a target as correct if it is the first of the largest",
          "[ops][cross_entropy]") {
  Context& ctx = test_context();
  const Tensor x = upload(ctx, Array{1, 3, 3, 0, 1, 3, 3, 0, 1, 3, 3, 0, 5, 3, 3, 5}, {4, 4});
  const Tensor t = upload_i32(ctx, {1, 2, 0, 0}, {4});
  Result result(ctx, 4);
  run(ctx, ops::CrossEntropy{.logits = x,
                             .targets = t,
                             .loss = result.loss,
                             .correct = result.correct,
                             .dlogits = {}});
  CHECK(download(result.correct) == Array{1, 0, 0, 1});
}

TEST_CASE("cross_entropy finds the first of the largest anywhere in a row",
          "[ops][cross_entropy]") {
  // Wide rows are shared by many threads.
  const std::int64_t V = GENERATE(7, 16, 300, 2005, 6000), first = GENERATE(0, 1, 3);
  const std::int64_t at = first * (V - 2) / 3, again = V - 1;
  INFO("V " << V << ", largest at " << at << " and " << again);
  Array logits;
  for (int row = 0; row < 3; ++row) {
    Array values = random_array(V, static_cast<std::uint64_t>(row));
    values[static_cast<std::size_t>(at)] = values[static_cast<std::size_t>(again)] = 1.5;
    logits.insert(logits.end(), values.begin(), values.end());
  }
  const auto place = [](std::int64_t v) { return static_cast<std::int32_t>(v); };
  for_each_precision([&](Context& ctx, DType, Tolerance) {
    const Tensor x = upload(ctx, logits, {3, V});
    const Tensor t = upload_i32(ctx, {place(at), place(again), place((at + 1) % again)}, {3});
    Result result(ctx, 3);
    run(ctx, ops::CrossEntropy{.logits = x,
                               .targets = t,
                               .loss = result.loss,
                               .correct = result.correct,
                               .dlogits = {}});
    check_equal("correct", download(result.correct), {1, 0, 0});
  });
}

TEST_CASE("cross_entropy leaves out the rows whose target is -1", "[ops][cross_entropy]") {
  const std::int64_t V = GENERATE(3, 16);
  Array logits = random_array(3 * V, 1);
  logits[static_cast<std::size_t>(V)] = NAN;
  for_each_precision([&](Context& ctx, DType, Tolerance) {
    const Tensor t = upload_i32(ctx, {1, -1, 2}, {3}), all = upload_i32(ctx, {1, 0, 2}, {3});
    const auto evaluate = [&](const Tensor& targets, bool gradient) {
      Tensor x = upload(ctx, logits, {3, V});
      Result result(ctx, 3);
      run(ctx, ops::CrossEntropy{.logits = x,
                                 .targets = targets,
                                 .loss = result.loss,
                                 .correct = result.correct,
                                 .dlogits = gradient ? OptionalOut(x) : OptionalOut()});
      Array outputs;
      for (const Tensor& tensor : {x, result.loss, result.correct})
        for (const double value : download(tensor)) outputs.push_back(value);
      return outputs;
    };
    // Zeros in its place, the other rows as if it were not ignored.
    Array expected = evaluate(all, true);
    std::fill_n(expected.begin() + V, V, 0.0);
    expected[static_cast<std::size_t>(3 * V + 1)] = expected[static_cast<std::size_t>(3 * V + 4)] =
        0;
    check_equal("outputs", evaluate(t, true), expected);
    const Array alone = evaluate(t, false);
    check_equal("without gradient", Array(alone.end() - 6, alone.end()),
                Array(expected.end() - 6, expected.end()));
  });
}

TEST_CASE("cross_entropy of extreme logits is finite, of NaN is NaN", "[ops][cross_entropy]") {
  Context& ctx = test_context();
  const Tensor x =
      upload(ctx, Array{1e30, 0, -1e30, -INFINITY, 0, 1, 88, 89, 90, NAN, 0, 1}, {4, 3});
  const Tensor t = upload_i32(ctx, {0, 2, 0, 1}, {4});
  Tensor dx = poisoned(ctx, {4, 3});
  Result result(ctx, 4);
  run(ctx, ops::CrossEntropy{.logits = x,
                             .targets = t,
                             .loss = result.loss,
                             .correct = result.correct,
                             .dlogits = dx});
  const Array loss = download(result.loss), gradient = download(dx);
  CHECK(loss[0] == 0);
  CHECK(loss[1] == Approx(std::log1p(std::exp(-1.0))));
  CHECK(loss[2] == Approx(2 + std::log1p(std::exp(-1.0) + std::exp(-2.0))));
  CHECK(std::isnan(loss[3]));
  CHECK(gradient[0] == 0);
  CHECK(gradient[3] == 0);
  CHECK(std::isnan(gradient[11]));
}

TEST_CASE("cross_entropy refuses targets that are no class", "[ops][cross_entropy]") {
  Context& ctx = test_context();
  const Tensor x = filled(ctx, {2, 3}, 1), t = upload_i32(ctx, {0, 3}, {2});
  const Tensor three = upload_i32(ctx, {0, 1, 2}, {3});
  Result result(ctx, 2);
  const auto evaluate = [&](const Tensor& targets) {
    run(ctx, ops::CrossEntropy{.logits = x,
                               .targets = targets,
                               .loss = result.loss,
                               .correct = result.correct,
                               .dlogits = {}});
  };
  // A GPU would have to be waited for to tell.
  if (!built_with_cuda())
    require_error([&] { evaluate(t); },
                  "cross_entropy: targets[1]: expected an index in [0, 3) or -1, got 3");
  require_error([&] { evaluate(three); }, "cross_entropy: targets: expected (2), got (3)");
}

TEST_CASE("cross_entropy of mixed and smoothed classes, and its gradient, also in place",
          "[ops][cross_entropy]") {
  const std::int64_t M = GENERATE(1, 5), V = GENERATE(2, 10, 17, 136);
  const double smoothing = GENERATE(0.0, 0.1);
  INFO("M " << M << ", V " << V << ", smoothing " << smoothing);
  // Far from 0, as a classifier's logits may be: the loss sees differences alone.
  Array logits = exact(scaled(random_array(M * V, 1), 6));
  for (double& value : logits) value += 16;
  logits = exact(logits);
  reference::ClassMixture mixture{make_targets(M, V), make_targets(M, V), {}, smoothing};
  // A partner that is the target, and shares of all, nothing and in between.
  for (std::size_t row = 0; row < mixture.targets.size(); ++row) {
    if (row % 3 != 2) mixture.partners[row] = static_cast<int>((mixture.targets[row] + 1) % V);
    mixture.shares.push_back(std::vector{0.25, 1.0, 0.625, 0.0, 0.5}[row]);
  }
  const Array expected = mixture(logits);
  const Array gradient = numeric_gradient(mixture, logits, Array(mixture.targets.size(), 1.0));
  for_each_precision([&](Context& ctx, DType dtype, Tolerance tolerance) {
    Tensor x = upload(ctx, logits, {M, V}), dx = poisoned(ctx, {M, V});
    const Tensor t = upload_i32(ctx, mixture.targets, {M}),
                 p = upload_i32(ctx, mixture.partners, {M});
    const Tensor shares = upload(ctx, mixture.shares, {M}, DType::f32);
    Result first(ctx, M), second(ctx, M), third(ctx, M);
    const auto evaluate = [&](Result& result, OptionalOut dlogits) {
      run(ctx, ops::CrossEntropy{.logits = x,
                                 .targets = t,
                                 .loss = result.loss,
                                 .correct = result.correct,
                                 .dlogits = dlogits,
                                 .partners = p,
                                 .shares = shares,
                                 .smoothing = smoothing});
    };
    evaluate(first, dx);
    evaluate(second, {});
    const Array plain = download(first.correct);
    evaluate(third, x);
    check_close("loss", first.loss, expected, of_sums(dtype, tolerance));
    check_close("loss without gradient", second.loss, download(first.loss), {0});
    check_close("loss in place", third.loss, download(first.loss), {0});
    check_close("dlogits", dx, gradient, for_numeric(tolerance));
    check_equal("dlogits in logits", download(x), download(dx));
    // Hits are those of the targets.
    Tensor again = upload(ctx, logits, {M, V});
    Result alone(ctx, M);
    run(ctx, ops::CrossEntropy{.logits = again,
                               .targets = t,
                               .loss = alone.loss,
                               .correct = alone.correct,
                               .dlogits = {}});
    check_equal("correct", plain, download(alone.correct));
  });
}

TEST_CASE("cross_entropy smooths without partners, and leaves out mixed rows",
          "[ops][cross_entropy]") {
  const std::int64_t V = GENERATE(3, 16);
  const Array logits = random_array(3 * V, 1);
  const std::vector<int> targets{1, -1, 2}, partners{2, 0, 0};
  for_each_precision([&](Context& ctx, DType dtype, Tolerance tolerance) {
    const Tensor x = upload(ctx, logits, {3, V}), t = upload_i32(ctx, targets, {3});
    Tensor dx = poisoned(ctx, {3, V});
    Result result(ctx, 3);
    reference::ClassMixture mixture{{1, 0, 2}, {1, 0, 2}, {1, 1, 1}, 0.25};
    Array expected = mixture(logits);
    expected[1] = 0;
    run(ctx, ops::CrossEntropy{.logits = x,
                               .targets = t,
                               .loss = result.loss,
                               .correct = result.correct,
                               .dlogits = dx,
                               .smoothing = 0.25});
    check_close("loss", result.loss, expected, of_sums(dtype, tolerance));
    mixture.partners = partners;
    mixture.shares = {0.75, 0.5, 0.5};
    expected = mixture(logits);
    expected[1] = 0;
    Array gradient = numeric_gradient(mixture, logits, {1, 0, 1});
    run(ctx, ops::CrossEntropy{.logits = x,
                               .targets = t,
                               .loss = result.loss,
                               .correct = result.correct,
                               .dlogits = dx,
                               .partners = upload_i32(ctx, partners, {3}),
                               .shares = upload(ctx, mixture.shares, {3}, DType::f32),
                               .smoothing = 0.25});
    check_close("loss of mixed rows", result.loss, expected, of_sums(dtype, tolerance));
    check_close("dlogits", dx, gradient, for_numeric(tolerance));
    CHECK(download(result.correct)[1] == 0);
  });
}

TEST_CASE("cross_entropy with nothing mixed in gives the bits of the plain one",
          "[ops][cross_entropy]") {
  const std::int64_t V = GENERATE(5, 24);
  for_each_precision([&](Context& ctx, DType, Tolerance) {
    const Tensor x = upload(ctx, random_array(4 * V, 1), {4, V});
    const Tensor t = upload_i32(ctx, {0, 3, -1, 4}, {4}), p = upload_i32(ctx, {1, 3, 0, 0}, {4});
    const Tensor shares = upload(ctx, Array(4, 1.0), {4}, DType::f32);
    const auto outputs = [&](OptionalIn partners, OptionalIn weights) {
      Tensor dx = poisoned(ctx, {4, V});
      Result result(ctx, 4);
      run(ctx, ops::CrossEntropy{.logits = x,
                                 .targets = t,
                                 .loss = result.loss,
                                 .correct = result.correct,
                                 .dlogits = dx,
                                 .partners = partners,
                                 .shares = weights});
      Array all = download(dx);
      for (const double value : download(result.loss)) all.push_back(value);
      return all;
    };
    check_equal("loss and dlogits", outputs(p, shares), outputs({}, {}));
  });
}

TEST_CASE("cross_entropy refuses partners without shares and a smoothing of all",
          "[ops][cross_entropy]") {
  Context& ctx = test_context();
  const Tensor x = filled(ctx, {2, 3}, 1), t = upload_i32(ctx, {0, 1}, {2});
  const Tensor outside = upload_i32(ctx, {0, -1}, {2});
  const Tensor halves = upload(ctx, Array{0.5, 0.5}, {2}, DType::f32);
  Result result(ctx, 2);
  const auto evaluate = [&](OptionalIn partners, OptionalIn shares, double smoothing) {
    run(ctx, ops::CrossEntropy{.logits = x,
                               .targets = t,
                               .loss = result.loss,
                               .correct = result.correct,
                               .dlogits = {},
                               .partners = partners,
                               .shares = shares,
                               .smoothing = smoothing});
  };
  require_error([&] { evaluate(t, {}, 0); }, "cross_entropy: partners: expected with shares");
  require_error([&] { evaluate({}, {}, 1); }, "cross_entropy: smoothing: expected [0, 1), got 1");
  require_error([&] { evaluate(t, t, 0); }, "cross_entropy: shares: expected f32, got i32");
  if (!built_with_cuda())
    require_error([&] { evaluate(outside, halves, 0); },
                  "cross_entropy: partners[1]: expected an index in [0, 3), got -1");
}
