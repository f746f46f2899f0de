#include "kernels/ops/activation.h"

#include "tests/reference/activation.h"
#include "tests/support/arrays.h"

using namespace orchid;
using namespace orchid::test;
using ops::ActivationKind;

namespace {

constexpr ActivationKind kKinds[] = {ActivationKind::identity,   ActivationKind::gelu,
                                     ActivationKind::relu,       ActivationKind::tanh,
                                     ActivationKind::silu,       ActivationKind::sigmoid,
                                     ActivationKind::softplus,   ActivationKind::rational,
                                     ActivationKind::softshrink, ActivationKind::shifted_sigmoid};
constexpr double kParameter = 0.3;

/// In [-scale, scale), but above the pole of the rational function.
Array inputs(ActivationKind kind, std::int64_t n, double scale) {
  return exact(scaled(random_array(n, 1), kind == ActivationKind::rational ? 0.75 : scale));
}

}  // namespace

TEST_CASE("activations equal their formulas, also in place", "[ops][activation]") {
  for (const ActivationKind kind : kKinds) {
    for (const std::int64_t n : {1, 7, 15, 17, 264, 40'009}) {
      INFO(ops::name_of(kind) << ", n " << n);
      const Array x = inputs(kind, n, 6);
      const Array expected = reference::activation(ops::name_of(kind), kParameter, x);
      for_each_precision([&](Context& ctx, DType, Tolerance tolerance) {
        Tensor tx = upload(ctx, x, {n}), y = poisoned(ctx, {n});
        run(ctx, ops::Activation{.x = tx, .y = y, .kind = kind, .parameter = kParameter});
        check_close("y", y, expected, tolerance);
        run(ctx, ops::Activation{.x = tx, .y = tx, .kind = kind, .parameter = kParameter});
        check_close("y in x", tx, expected, tolerance);
      });
    }
  }
}

TEST_CASE("activation gradients equal central differences, also in place", "[ops][activation]") {
  for (const ActivationKind kind : kKinds) {
    for (const std::int64_t n : {1, 15, 64, 101}) {
      INFO(ops::name_of(kind) << ", n " << n);
      const Array x = inputs(kind, n, 4), dy = random_array(n, 2);
      const auto f = [&](const Array& v) {
        return reference::activation(ops::name_of(kind), kParameter, v);
      };
      const Array dx = numeric_gradient(f, x, dy);
      for_each_precision([&](Context& ctx, DType, Tolerance tolerance) {
        const Tensor tx = upload(ctx, x, {n});
        Tensor tdy = upload(ctx, dy, {n}), tdx = poisoned(ctx, {n});
        ops::ActivationGrad op{.dy = tdy, .x = tx, .dx = tdx, .kind = kind};
        op.parameter = kParameter;
        run(ctx, op);
        check_close("dx", tdx, dx, for_numeric(tolerance));
        op = {.dy = tdy, .x = tx, .dx = tdy, .kind = kind, .parameter = kParameter};
        run(ctx, op);
        check_close("dx in dy", tdy, dx, for_numeric(tolerance));
      });
    }
  }
}

TEST_CASE("activations keep relative accuracy in float32 over their range", "[ops][activation]") {
  Context& ctx = test_context();
  const std::int64_t n = 20'001;
  for (const ActivationKind kind : {ActivationKind::tanh, ActivationKind::sigmoid,
                                    ActivationKind::silu, ActivationKind::softplus}) {
    INFO(ops::name_of(kind));
    Array x = scaled(random_array(n, 1), 64);
    for (std::size_t i = 0; i < x.size(); i += 2) x[i] *= 0x1p-10;  // tanh and silu are x near 0
    for (double& value : x) value = static_cast<float>(value);
    const Tensor tx = upload(ctx, x, {n});
    Tensor y = poisoned(ctx, {n});
    run(ctx, ops::Activation{.x = tx, .y = y, .kind = kind});
    const Array got = download(y);
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double expected = reference::activation(ops::name_of(kind), 0, x[i]);
      const double error = std::abs(got[i] / expected - 1);
      worst = error <= worst ? worst : error;  // a NaN stays
    }
    CHECK(worst < 4e-7);
  }
}

TEST_CASE("activations saturate at infinity and pass NaN on", "[ops][activation]") {
  Context& ctx = test_context();
  const Tensor x = upload(ctx, Array{INFINITY, -INFINITY, NAN, 1e30, -1e30}, {5});
  Tensor y = poisoned(ctx, {5});
  const auto of = [&](ActivationKind kind) {
    run(ctx, ops::Activation{.x = x, .y = y, .kind = kind});
    return download(y);
  };
  const Array tanh = of(ActivationKind::tanh), sigmoid = of(ActivationKind::sigmoid);
  const Array softplus = of(ActivationKind::softplus), gelu = of(ActivationKind::gelu);
  CHECK((tanh[0] == 1 && tanh[1] == -1 && tanh[3] == 1 && tanh[4] == -1));
  CHECK((sigmoid[0] == 1 && sigmoid[1] == 0 && sigmoid[3] == 1 && sigmoid[4] == 0));
  CHECK((softplus[0] == INFINITY && softplus[1] == 0 && softplus[4] == 0));
  CHECK((gelu[0] == INFINITY && gelu[3] == Approx(1e30) && gelu[4] == 0));
  for (const ActivationKind kind : kKinds) {
    INFO(ops::name_of(kind));
    CHECK(std::isnan(of(kind)[2]));
  }
}

TEST_CASE("activation refuses an output of another shape", "[ops][activation]") {
  Context& ctx = test_context();
  const Tensor x = filled(ctx, {2, 3}, 1);
  Tensor y = poisoned(ctx, {6});
  require_error([&] { run(ctx, ops::Activation{.x = x, .y = y}); },
                "activation: y: expected (2, 3), got (6)");
  require_error([&] { run(ctx, ops::ActivationGrad{.dy = y, .x = x, .dx = y}); },
                "activation_grad: dy: expected (2, 3), got (6)");
  const Tensor whole = upload_i32(ctx, std::vector<int>(6, 1), {2, 3});
  Tensor dx = poisoned(ctx, {2, 3});
  require_error([&] { run(ctx, ops::ActivationGrad{.dy = whole, .x = x, .dx = dx}); },
                "activation_grad: dy: expected f32, got i32");
}

TEST_CASE("gated_gelu gates the second half by the first, and its gradient", "[ops][activation]") {
  const std::int64_t R = GENERATE(1, 5, 33), I = GENERATE(1, 7, 15, 17, 24);
  INFO("R " << R << ", I " << I);
  const auto gate = [&](const Array& v) {
    return reference::gated_gelu(v, static_cast<std::size_t>(I));
  };
  const Array x = exact(scaled(random_array(2 * R * I, 1), 3)), dy = random_array(R * I, 2);
  const Array dx = numeric_gradient(gate, x, dy);
  for_each_precision([&](Context& ctx, DType, Tolerance tolerance) {
    const Tensor tx = upload(ctx, x, {R, 2 * I}), tdy = upload(ctx, dy, {R, I});
    Tensor y = poisoned(ctx, {R, I}), tdx = poisoned(ctx, {R, 2 * I});
    run(ctx, ops::GatedGelu{.x = tx, .y = y});
    check_close("y", y, gate(x), tolerance);
    run(ctx, ops::GatedGeluGrad{.dy = tdy, .x = tx, .dx = tdx});
    check_close("dx", tdx, dx, for_numeric(tolerance));
  });
}

TEST_CASE("gated_gelu refuses an odd width", "[ops][activation]") {
  Context& ctx = test_context();
  const Tensor x = filled(ctx, {2, 5}, 1), even = filled(ctx, {2, 6}, 1);
  Tensor y = poisoned(ctx, {2, 2});
  require_error([&] { run(ctx, ops::GatedGelu{.x = x, .y = y}); },
                "gated_gelu: x: expected (R, 2I), got (2, 5)");
  Tensor dx = poisoned(ctx, {2, 6});
  require_error([&] { run(ctx, ops::GatedGeluGrad{.dy = y, .x = even, .dx = dx}); },
                "gated_gelu_grad: dy: expected (2, 3), got (2, 2)");
}

TEST_CASE("spectral_activation acts on parts or on magnitudes, and its gradient",
          "[ops][activation]") {
  const bool complex = GENERATE(false, true), magnitude = GENERATE(false, true);
  const std::int64_t F = GENERATE(1, 5), D = GENERATE(1, 7, 8, 17);
  const std::int64_t channels = complex ? 2 * D : D;
  for (const ActivationKind kind : kKinds) {
    const std::string name = ops::name_of(kind);
    INFO(name << ", complex " << complex << ", magnitude " << magnitude << ", D " << D);
    const auto f = [&](const Array& v) {
      if (!magnitude) return reference::activation(name, kParameter, v);
      return reference::magnitude_activation(name, kParameter, v,
                                             complex ? static_cast<std::size_t>(D) : 0);
    };
    const Shape shape{2, F, channels};
    const Array z = inputs(kind, shape.count(), 3), dy = random_array(shape.count(), 2);
    const Array expected = f(z), dz = numeric_gradient(f, z, dy);
    for_each_compute([&](Context& ctx, DType, Tolerance tolerance) {
      const Tensor tz = upload(ctx, z, shape), tdy = upload(ctx, dy, shape);
      Tensor y = poisoned(ctx, shape), tdz = poisoned(ctx, shape);
      ops::SpectralActivation op{.z = tz, .y = y, .complex = complex, .magnitude = magnitude};
      op.kind = kind;
      op.parameter = kParameter;
      run(ctx, op);
      check_close("y", y, expected, tolerance);
      ops::SpectralActivationGrad grad{
          .dy = tdy, .z = tz, .dz = tdz, .complex = complex, .magnitude = magnitude};
      grad.kind = kind;
      grad.parameter = kParameter;
      run(ctx, grad);
      // f(m) / m is large where m is small: its steps are not linear.
      check_close("dz", tdz, dz, {std::max(tolerance.relative, 1e-7)});
    });
  }
}

TEST_CASE("spectral_activation has a value and a gradient at zero", "[ops][activation]") {
  const bool complex = GENERATE(false, true);
  for_each_compute([&](Context& ctx, DType, Tolerance tolerance) {
    const Tensor z = filled(ctx, {1, 1, 6}, 0), dy = filled(ctx, {1, 1, 6}, 1);
    Tensor y = poisoned(ctx, {1, 1, 6}), dz = poisoned(ctx, {1, 1, 6});
    run(ctx, ops::SpectralActivation{.z = z,
                                     .y = y,
                                     .complex = complex,
                                     .magnitude = true,
                                     .kind = ActivationKind::sigmoid});
    check_equal("y", download(y), Array(6, 0.0));
    run(ctx, ops::SpectralActivationGrad{.dy = dy,
                                         .z = z,
                                         .dz = dz,
                                         .complex = complex,
                                         .magnitude = true,
                                         .kind = ActivationKind::sigmoid});
    check_close("dz", dz, Array(6, 0.5 / 1e-6), tolerance);
  });
}

TEST_CASE("spectral_activation refuses half a complex number", "[ops][activation]") {
  Context& ctx = test_context();
  const Tensor z = filled(ctx, {1, 2, 5}, 1);
  Tensor y = poisoned(ctx, {1, 2, 5});
  require_error([&] { run(ctx, ops::SpectralActivation{.z = z, .y = y}); },
                "spectral_activation: z: expected (B, F, 2D) planar, got (1, 2, 5)");
  require_error([&] { run(ctx, ops::SpectralActivationGrad{.dy = z, .z = z, .dz = y}); },
                "spectral_activation_grad: z: expected (B, F, 2D) planar, got (1, 2, 5)");
}
