#include "kernels/ops/norm.h"

#include "tests/reference/norm.h"
#include "tests/support/arrays.h"

using namespace orchid;
using namespace orchid::test;

namespace {

constexpr double kEps = 1e-5;

/// Inputs of a norm over R rows of C channels.
struct Case {
  std::int64_t R, C;
  Array x = random_array(R * C, 1), dy = random_array(R * C, 2);
  Array gamma = random_array(C, 3), beta = random_array(C, 4);
};

/// Gradients of sum(dy * norm(x, gamma, beta)).
struct Gradients {
  Array dx, dgamma, dbeta;
};
template <class Norm>
Gradients gradients(const Case& n, const Norm& norm) {
  return {numeric_gradient([&](const Array& v) { return norm(v, n.gamma, n.beta); }, n.x, n.dy),
          numeric_gradient([&](const Array& v) { return norm(n.x, v, n.beta); }, n.gamma, n.dy),
          numeric_gradient([&](const Array& v) { return norm(n.x, n.gamma, v); }, n.beta, n.dy)};
}

/// No element is larger than `bound`; NaN fails.
void check_small(const std::string& name, const Tensor& got, double bound) {
  INFO(name);
  for (const double value : download(got)) CHECK(std::abs(value) <= bound);
}

Array layer_norm(const Array& x, const Array& gamma, const Array& beta) {
  return reference::layer_norm(x, gamma, beta, kEps).y;
}

Array batch_norm(const Array& x, const Array& gamma, const Array& beta) {
  return reference::batch_norm(x, gamma, beta, kEps).y;
}

}  // namespace

TEST_CASE("layer_norm normalises rows and keeps their statistics", "[ops][norm]") {
  const std::int64_t R = GENERATE(1, 5, 131), C = GENERATE(1, 2, 7, 16, 33, 768);
  INFO("R " << R << ", C " << C);
  const Case n{R, C};
  const auto expected = reference::layer_norm(n.x, n.gamma, n.beta, kEps);
  for_each_precision([&](Context& ctx, DType dtype, Tolerance tolerance) {
    const Tensor x = upload(ctx, n.x, {1, R, C}), gamma = upload_f(ctx, n.gamma, {C}),
                 beta = upload_f(ctx, n.beta, {C});
    Tensor y = poisoned(ctx, {1, R, C}), mean = poisoned_f(ctx, {R}), rstd = poisoned_f(ctx, {R});
    run(ctx,
        ops::LayerNorm{
            .x = x, .gamma = gamma, .beta = beta, .y = y, .mean = mean, .rstd = rstd, .eps = kEps});
    check_close("y", y, expected.y, tolerance);
    check_close("mean", mean, expected.mean, of_sums(dtype, tolerance));
    check_close("rstd", rstd, expected.rstd, of_sums(dtype, tolerance));
  });
}

TEST_CASE("layer_norm and its gradient take many rows, and rows of any width", "[ops][norm]") {
  const std::int64_t C = GENERATE(4, 256, 512, 700, 776, 1000, 1024, 1025, 1536, 2052, 4104, 5000,
                                  6152, 8192, 8193, 8200);
  const std::int64_t R = C < 256 ? 5000 : 2;
  INFO("C " << C);
  const Case n{R, C};
  const auto saved = reference::layer_norm(n.x, n.gamma, n.beta, kEps);
  const auto expected = reference::layer_norm_grad(n.dy, n.x, n.gamma, saved.mean, saved.rstd);
  for_each_precision([&](Context& ctx, DType dtype, Tolerance tolerance) {
    const Tensor x = upload(ctx, n.x, {R, C}), dy = upload(ctx, n.dy, {R, C});
    const Tensor gamma = upload_f(ctx, n.gamma, {C}), beta = upload_f(ctx, n.beta, {C});
    Tensor y = poisoned(ctx, {R, C}), mean = poisoned_f(ctx, {R}), rstd = poisoned_f(ctx, {R});
    run(ctx,
        ops::LayerNorm{
            .x = x, .gamma = gamma, .beta = beta, .y = y, .mean = mean, .rstd = rstd, .eps = kEps});
    check_close("y", y, saved.y, tolerance);
    check_close("rstd", rstd, saved.rstd, of_sums(dtype, tolerance));
    Tensor dx = poisoned(ctx, {R, C}), dgamma = filled_f(ctx, {C}, 0),
           dbeta = filled_f(ctx, {C}, 0);
    run(ctx, ops::LayerNormGrad{.dy = dy,
                                .x = x,
                                .gamma = gamma,
                                .mean = mean,
                                .rstd = rstd,
                                .dx = dx,
                                .dgamma = dgamma,
                                .dbeta = dbeta});
    check_close("dx", dx, expected.dx, tolerance);
    check_close("dgamma", dgamma, expected.dgamma, of_sums(dtype, tolerance));
    check_close("dbeta", dbeta, expected.dbeta, of_sums(dtype, tolerance));
  });
}

TEST_CASE("layer_norm does not lose small variations around a large mean", "[ops][norm]") {
  const std::int64_t C = 200;
  Array x = random_array(C, 1);
  for (double& value : x) value = 64 + std::floor(value * 256) / 4096;
  const Array gamma(static_cast<std::size_t>(C), 1.0), beta(static_cast<std::size_t>(C), 0.0);
  const Array expected = reference::layer_norm(x, gamma, beta, 0).y;
  Context& ctx = test_context();
  const Tensor tx = upload(ctx, x, {1, C}), tgamma = upload(ctx, gamma, {C}),
               tbeta = upload(ctx, beta, {C});
  Tensor y = poisoned(ctx, {1, C}), mean = poisoned_f(ctx, {1}), rstd = poisoned_f(ctx, {1});
  run(ctx,
      ops::LayerNorm{
          .x = tx, .gamma = tgamma, .beta = tbeta, .y = y, .mean = mean, .rstd = rstd, .eps = 0});
  // The mean is within a few units of 2^-17, the deviations are about 2^-5; the difference of
  // mean squares would be wrong by a tenth.
  check_close("y", y, expected, {2e-3});
}

TEST_CASE("layer_norm_grad equals central differences, also in place", "[ops][norm]") {
  const std::int64_t R = GENERATE(1, 3, 70), C = GENERATE(1, 3, 8, 15, 17);
  INFO("R " << R << ", C " << C);
  const Case n{R, C};
  const auto saved = reference::layer_norm(n.x, n.gamma, n.beta, kEps);
  const Gradients expected = gradients(n, layer_norm);
  for_each_precision([&](Context& ctx, DType dtype, Tolerance tolerance) {
    const Tensor x = upload(ctx, n.x, {R, C}), gamma = upload_f(ctx, n.gamma, {C});
    const Tensor mean = upload_f(ctx, saved.mean, {R}), rstd = upload_f(ctx, saved.rstd, {R});
    const Tensor dy = upload(ctx, n.dy, {R, C});
    Tensor dx = poisoned(ctx, {R, C}), in_place = upload(ctx, n.dy, {R, C});
    for (const bool aliased : {false, true}) {
      INFO("dx is dy: " << aliased);
      Tensor dgamma = filled_f(ctx, {C}, 0.5), dbeta = filled_f(ctx, {C}, -0.5);
      Tensor& out = aliased ? in_place : dx;
      run(ctx, ops::LayerNormGrad{.dy = aliased ? in_place : dy,
                                  .x = x,
                                  .gamma = gamma,
                                  .mean = mean,
                                  .rstd = rstd,
                                  .dx = out,
                                  .dgamma = dgamma,
                                  .dbeta = dbeta});
      // Each dx is a small difference of terms as large as rstd.
      if (C > 1) check_close("dx", out, expected.dx, for_numeric(tolerance * 4));
      // One channel: y is beta, and what is left of dx is one rounding times rstd.
      if (C == 1) check_small("dx", out, 0x1p-24 / std::sqrt(kEps));
      check_close("dgamma", dgamma, added_to(0.5, expected.dgamma),
                  for_numeric(of_sums(dtype, tolerance)));
      check_close("dbeta", dbeta, added_to(-0.5, expected.dbeta),
                  for_numeric(of_sums(dtype, tolerance)));
    }
  });
}

TEST_CASE("layer_norm_grad gives the same bits with any number of threads", "[ops][norm]") {
  const Case n{1001, 40};
  const auto saved = reference::layer_norm(n.x, n.gamma, n.beta, kEps);
  check_same_for_any_threads([&](Context& ctx) {
    const Tensor dy = upload(ctx, n.dy, {n.R, n.C}), x = upload(ctx, n.x, {n.R, n.C});
    const Tensor gamma = upload_f(ctx, n.gamma, {n.C}), mean = upload_f(ctx, saved.mean, {n.R}),
                 rstd = upload_f(ctx, saved.rstd, {n.R});
    Tensor dx = poisoned(ctx, {n.R, n.C}), dgamma = filled_f(ctx, {n.C}, 0.1),
           dbeta = filled_f(ctx, {n.C}, 0.1);
    run(ctx, ops::LayerNormGrad{.dy = dy,
                                .x = x,
                                .gamma = gamma,
                                .mean = mean,
                                .rstd = rstd,
                                .dx = dx,
                                .dgamma = dgamma,
                                .dbeta = dbeta});
    Array all = download(dx);
    for (const Tensor& sum : {dgamma, dbeta})
      for (const double value : download(sum)) all.push_back(value);
    return all;
  });
}

TEST_CASE("layer_norm refuses parameters of another width", "[ops][norm]") {
  Context& ctx = test_context();
  const Tensor x = filled(ctx, {4, 8}, 1), gamma = filled_f(ctx, {7}, 1),
               beta = filled_f(ctx, {8}, 0);
  Tensor y = poisoned(ctx, {4, 8}), mean = poisoned_f(ctx, {4}), rstd = poisoned_f(ctx, {4});
  require_error(
      [&] {
        run(ctx, ops::LayerNorm{
                     .x = x, .gamma = gamma, .beta = beta, .y = y, .mean = mean, .rstd = rstd});
      },
      "layer_norm: gamma: expected (8), got (7)");
  const Tensor whole = upload_i32(ctx, std::vector<int>(8, 1), {8});
  require_error(
      [&] {
        run(ctx, ops::LayerNorm{
                     .x = x, .gamma = whole, .beta = beta, .y = y, .mean = mean, .rstd = rstd});
      },
      "layer_norm: gamma: expected f32, got i32");
  Tensor dx = poisoned(ctx, {4, 8}), dgamma = filled_f(ctx, {8}, 0), dbeta = filled_f(ctx, {8}, 0);
  Tensor few = poisoned_f(ctx, {3});
  require_error(
      [&] {
        run(ctx, ops::LayerNormGrad{.dy = x,
                                    .x = x,
                                    .gamma = beta,
                                    .mean = few,
                                    .rstd = rstd,
                                    .dx = dx,
                                    .dgamma = dgamma,
                                    .dbeta = dbeta});
      },
      "layer_norm_grad: mean: expected (4), got (3)");
}

TEST_CASE("batch_norm normalises channels and moves the running statistics", "[ops][norm]") {
  const std::int64_t R = GENERATE(2, 7, 131), C = GENERATE(1, 7, 16, 33, 40);
  INFO("R " << R << ", C " << C);
  const Case n{R, C};
  const auto expected = reference::batch_norm(n.x, n.gamma, n.beta, kEps);
  const auto rows = static_cast<double>(R);
  Array running_mean(n.gamma.size()), running_var(n.gamma.size());
  for (std::size_t c = 0; c < n.gamma.size(); ++c) {
    running_mean[c] = 0.7 * 0.25 + 0.3 * expected.mean[c];
    running_var[c] = 0.7 * 2 + 0.3 * expected.variance[c] * rows / (rows - 1);
  }
  for_each_precision([&](Context& ctx, DType dtype, Tolerance tolerance) {
    const Tensor x = upload(ctx, n.x, {R, C}), gamma = upload_f(ctx, n.gamma, {C}),
                 beta = upload_f(ctx, n.beta, {C});
    Tensor y = poisoned(ctx, {R, C}), mean = poisoned_f(ctx, {C}), rstd = poisoned_f(ctx, {C});
    Tensor means = filled_f(ctx, {C}, 0.25), vars = filled_f(ctx, {C}, 2);
    run(ctx, ops::BatchNorm{.x = x,
                            .gamma = gamma,
                            .beta = beta,
                            .running_mean = means,
                            .running_var = vars,
                            .y = y,
                            .mean = mean,
                            .rstd = rstd,
                            .eps = kEps,
                            .momentum = 0.3});
    check_close("y", y, expected.y, tolerance * 2);
    check_close("mean", mean, expected.mean, of_sums(dtype, tolerance));
    check_close("rstd", rstd, expected.rstd, of_sums(dtype, tolerance));
    check_close("running_mean", means, running_mean, of_sums(dtype, tolerance));
    check_close("running_var", vars, running_var, of_sums(dtype, tolerance));
  });
}

TEST_CASE("batch_norm uses the running statistics in evaluation and leaves them", "[ops][norm]") {
  const std::int64_t R = 5, C = GENERATE(17, 24);
  const Case n{R, C};
  const double rstd_value = 1 / std::sqrt(2 + kEps);
  Array expected = n.x;
  for (double& value : expected) value = (value - 0.25) * rstd_value;
  reference::affine(expected, n.gamma, n.beta);
  for_each_precision([&](Context& ctx, DType, Tolerance tolerance) {
    const Tensor x = upload(ctx, n.x, {R, C}), gamma = upload_f(ctx, n.gamma, {C}),
                 beta = upload_f(ctx, n.beta, {C}), dy = upload(ctx, n.dy, {R, C});
    Tensor y = poisoned(ctx, {R, C}), mean = poisoned_f(ctx, {C}), rstd = poisoned_f(ctx, {C});
    Tensor means = filled_f(ctx, {C}, 0.25), vars = filled_f(ctx, {C}, 2);
    run(ctx, ops::BatchNorm{.x = x,
                            .gamma = gamma,
                            .beta = beta,
                            .running_mean = means,
                            .running_var = vars,
                            .y = y,
                            .mean = mean,
                            .rstd = rstd,
                            .eps = kEps,
                            .training = false});
    check_close("y", y, expected, tolerance);
    check_equal("running_mean", download(means), Array(n.gamma.size(), 0.25));
    check_equal("running_var", download(vars), Array(n.gamma.size(), 2));
    Tensor dx = poisoned(ctx, {R, C}), dgamma = filled_f(ctx, {C}, 0),
           dbeta = filled_f(ctx, {C}, 0);
    run(ctx, ops::BatchNormGrad{.dy = dy,
                                .x = x,
                                .gamma = gamma,
                                .mean = mean,
                                .rstd = rstd,
                                .dx = dx,
                                .dgamma = dgamma,
                                .dbeta = dbeta,
                                .training = false});
    Array expected_dx = n.dy;
    reference::affine(expected_dx, scaled(n.gamma, rstd_value), Array(n.gamma.size(), 0.0));
    check_close("dx", dx, expected_dx, tolerance);
  });
}

TEST_CASE("batch_norm_grad equals central differences", "[ops][norm]") {
  const std::int64_t R = GENERATE(2, 3, 70), C = GENERATE(1, 5, 8, 17);
  INFO("R " << R << ", C " << C);
  const Case n{R, C};
  const auto saved = reference::batch_norm(n.x, n.gamma, n.beta, kEps);
  const Gradients expected = gradients(n, batch_norm);
  for_each_precision([&](Context& ctx, DType dtype, Tolerance tolerance) {
    const Tensor x = upload(ctx, n.x, {R, C}), gamma = upload_f(ctx, n.gamma, {C});
    const Tensor mean = upload_f(ctx, saved.mean, {C}), rstd = upload_f(ctx, saved.rstd, {C});
    const Tensor dy = upload(ctx, n.dy, {R, C});
    Tensor dx = poisoned(ctx, {R, C}), dgamma = filled_f(ctx, {C}, 0.5),
           dbeta = filled_f(ctx, {C}, -0.5);
    run(ctx, ops::BatchNormGrad{.dy = dy,
                                .x = x,
                                .gamma = gamma,
                                .mean = mean,
                                .rstd = rstd,
                                .dx = dx,
                                .dgamma = dgamma,
                                .dbeta = dbeta});
    // Of two rows the gradient nearly cancels.
    if (R > 2) check_close("dx", dx, expected.dx, for_numeric(tolerance * 4));
    check_close("dgamma", dgamma, added_to(0.5, expected.dgamma),
                for_numeric(of_sums(dtype, tolerance)));
    check_close("dbeta", dbeta, added_to(-0.5, expected.dbeta),
                for_numeric(of_sums(dtype, tolerance)));
  });
}

TEST_CASE("batch_norm refuses to train on one row", "[ops][norm]") {
  Context& ctx = test_context();
  const Tensor x = filled(ctx, {1, 8}, 1), gamma = filled_f(ctx, {8}, 1);
  Tensor y = poisoned(ctx, {1, 8}), mean = poisoned_f(ctx, {8}), rstd = poisoned_f(ctx, {8});
  Tensor means = filled_f(ctx, {8}, 0), vars = filled_f(ctx, {8}, 1);
  require_error(
      [&] {
        run(ctx, ops::BatchNorm{.x = x,
                                .gamma = gamma,
                                .beta = gamma,
                                .running_mean = means,
                                .running_var = vars,
                                .y = y,
                                .mean = mean,
                                .rstd = rstd});
      },
      "batch_norm: x: expected at least 2 rows in training, got (1, 8)");
  Tensor dgamma = filled_f(ctx, {7}, 0);
  require_error(
      [&] {
        run(ctx, ops::BatchNormGrad{.dy = x,
                                    .x = x,
                                    .gamma = gamma,
                                    .mean = mean,
                                    .rstd = rstd,
                                    .dx = y,
                                    .dgamma = dgamma,
                                    .dbeta = means});
      },
      "batch_norm_grad: dgamma: expected (8), got (7)");
}

TEST_CASE("sequence_softmax is the softmax along the sequence, and its gradient", "[ops][norm]") {
  const std::int64_t B = GENERATE(1, 3), L = GENERATE(1, 7, 33), C = GENERATE(1, 15, 32, 67);
  INFO("B " << B << ", L " << L << ", C " << C);
  const auto softmax = [&](const Array& v) {
    return reference::sequence_softmax(v, static_cast<std::size_t>(L), static_cast<std::size_t>(C));
  };
  const Array x = scaled(random_array(B * L * C, 1), 8), dy = random_array(B * L * C, 2);
  const Array y = softmax(x);
  Array dx(x.size());
  if (B * L * C < 1200) dx = numeric_gradient(softmax, x, dy);
  for_each_precision([&](Context& ctx, DType dtype, Tolerance tolerance) {
    const Shape shape{B, L, C};
    const Tensor tx = upload(ctx, x, shape), tdy = upload(ctx, dy, shape);
    Tensor ty = poisoned(ctx, shape), tdx = poisoned(ctx, shape);
    run(ctx, ops::SequenceSoftmax{.x = tx, .y = ty});
    check_close("y", ty, y, tolerance);
    if (B * L * C >= 1200) return;
    run(ctx, ops::SequenceSoftmaxGrad{.dy = tdy, .y = ty, .dx = tdx});
    if (dtype == DType::bf16)  // of a rounded y
      dx = reference::sequence_softmax_grad(dy, download(ty), static_cast<std::size_t>(L),
                                            static_cast<std::size_t>(C));
    if (L == 1) check_equal("dx", download(tdx), Array(x.size(), 0.0));
    if (L > 1) check_close("dx", tdx, dx, for_numeric(tolerance));
  });
}

TEST_CASE("sequence_softmax does not overflow", "[ops][norm]") {
  Context& ctx = test_context();
  const Tensor x = upload(ctx, Array{1000, 999, -1000}, {1, 3, 1});
  Tensor y = poisoned(ctx, {1, 3, 1});
  run(ctx, ops::SequenceSoftmax{.x = x, .y = y});
  const double e = std::exp(-1.0);
  check_close("y", y, {1 / (1 + e), e / (1 + e), 0}, kF32);
}

TEST_CASE("sequence_softmax refuses what is no sequence", "[ops][norm]") {
  Context& ctx = test_context();
  const Tensor x = filled(ctx, {3, 4}, 1);
  Tensor y = poisoned(ctx, {3, 4});
  require_error([&] { run(ctx, ops::SequenceSoftmax{.x = x, .y = y}); },
                "sequence_softmax: x: expected (B, L, C), got (3, 4)");
  require_error([&] { run(ctx, ops::SequenceSoftmaxGrad{.dy = x, .y = x, .dx = y}); },
                "sequence_softmax_grad: y: expected (B, L, C), got (3, 4)");
}
