#include "kernels/ops/spectral.h"

#include "tests/reference/spectral.h"
#include "tests/support/op_check.h"

using namespace orchid;
using namespace orchid::test;
using ops::ComplexLayout;

namespace {

constexpr std::int64_t kBatch = 2, kBins = 3;

std::size_t size(std::int64_t n) {
  return static_cast<std::size_t>(n);
}

Shape rows_of(std::int64_t channels) {
  return {kBatch, kBins, channels};
}

Array values(std::int64_t channels, std::uint64_t seed) {
  return random_array(kBatch * kBins * channels, seed);
}

}  // namespace

TEST_CASE("power is |z|^2 of complex and |z| of real spectra", "[ops][spectral]") {
  const std::int64_t D = GENERATE(1, 7, 15, 16, 33);
  const bool complex = GENERATE(true, false);
  const std::int64_t channels = complex ? 2 * D : D;
  const Array z = values(channels, 1), ds = values(D, 2);
  const auto power = [&](const Array& v) { return reference::power(v, size(D), complex); };
  // Exact for a square; for |z| the step is below the smallest magnitude.
  const Array expected = numeric_gradient(power, z, ds, complex ? 0.5 : 1e-4);
  for_each_compute([&](Context& ctx, DType, Tolerance tolerance) {
    const Tensor tz = upload(ctx, z, rows_of(channels)), tds = upload(ctx, ds, rows_of(D));
    Tensor s = poisoned(ctx, rows_of(D)), dz = poisoned(ctx, rows_of(channels));
    run(ctx, ops::Power{.z = tz, .s = s, .complex = complex});
    check_close("s", s, power(z), tolerance);
    run(ctx, ops::PowerGrad{.ds = tds, .z = tz, .dz = dz, .complex = complex});
    check_close("dz", dz, expected, {std::max(tolerance.relative, kNumeric.relative)});
  });
}

TEST_CASE("power_grad of a real spectrum is 0 at 0", "[ops][spectral]") {
  for_each_compute([&](Context& ctx, DType, Tolerance) {
    const Tensor z = upload(ctx, Array{0, -0.5, 0.25, 0}, {1, 1, 4}),
                 ds = filled(ctx, {1, 1, 4}, 3);
    Tensor dz = poisoned(ctx, {1, 1, 4});
    run(ctx, ops::PowerGrad{.ds = ds, .z = z, .dz = dz, .complex = false});
    CHECK(download(dz) == Array{0, -3, 3, 0});
  });
}

TEST_CASE("conjugate_product is conj(k) q, and its gradients", "[ops][spectral]") {
  const std::int64_t D = GENERATE(1, 7, 15, 16, 33);
  const bool complex = GENERATE(true, false);
  const std::int64_t channels = complex ? 2 * D : D;
  const Array k = values(channels, 1), q = values(channels, 2), dy = values(channels, 3);
  const auto product = [&](const Array& a, const Array& b) {
    return reference::conjugate_product(a, b, size(D), complex);
  };
  // A large step: the product is linear in each factor.
  const Array dk = numeric_gradient([&](const Array& v) { return product(v, q); }, k, dy, 0.5);
  const Array dq = numeric_gradient([&](const Array& v) { return product(k, v); }, q, dy, 0.5);
  for_each_compute([&](Context& ctx, DType, Tolerance tolerance) {
    const Shape shape = rows_of(channels);
    const Tensor tk = upload(ctx, k, shape), tq = upload(ctx, q, shape);
    const Tensor tdy = upload(ctx, dy, shape);
    Tensor y = poisoned(ctx, shape), tdk = poisoned(ctx, shape), tdq = poisoned(ctx, shape);
    run(ctx, ops::ConjugateProduct{.k = tk, .q = tq, .y = y, .complex = complex});
    check_close("y", y, product(k, q), tolerance);
    run(ctx, ops::ConjugateProductGrad{
                 .dy = tdy, .k = tk, .q = tq, .dk = tdk, .dq = tdq, .complex = complex});
    check_close("dk", tdk, dk, tolerance);
    check_close("dq", tdq, dq, tolerance);
  });
}

TEST_CASE("select_filter takes each filter's channels out of either layout", "[ops][spectral]") {
  const std::int64_t D = GENERATE(1, 7, 15, 16, 33), filters = GENERATE(1, 2, 3);
  const bool complex = GENERATE(true, false), interleaved = GENERATE(true, false);
  const auto layout = interleaved ? ComplexLayout::interleaved : ComplexLayout::planar;
  const std::int64_t channels = complex ? 2 * D : D;
  const Array z = values(channels * filters, 1);
  for_each_compute([&](Context& ctx, DType, Tolerance) {
    const Tensor tz = upload(ctx, z, rows_of(channels * filters));
    Tensor dz = poisoned(ctx, rows_of(channels * filters));
    Array sum(z.size());  // gradient of sum over filters o of sum of dh_o h_o(z)
    for (std::int64_t o = 0; o < filters; ++o) {
      const auto select = [&](const Array& v) {
        return reference::select_filter(v, size(D), complex, interleaved, size(filters), size(o));
      };
      Tensor h = poisoned(ctx, rows_of(channels));
      run(ctx, ops::SelectFilter{.z = tz,
                                 .h = h,
                                 .complex = complex,
                                 .layout = layout,
                                 .filters = filters,
                                 .filter = o});
      CHECK(download(h) == select(z));

      const Array dh = values(channels, static_cast<std::uint64_t>(2 + o));
      const Array gradient = numeric_gradient(select, z, dh, 0.5);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += gradient[i];
      const Tensor tdh = upload(ctx, dh, rows_of(channels));
      run(ctx, ops::SelectFilterGrad{.dh = tdh,
                                     .dz = dz,
                                     .complex = complex,
                                     .layout = layout,
                                     .filters = filters,
                                     .filter = o});
    }
    check_close("dz", dz, sum, kF64);  // moved, not rounded
  });
}

TEST_CASE("spectral ops say what is wrong with their operands", "[ops][spectral]") {
  Context& ctx = test_context();
  const Tensor planar = ctx.zeros({2, 3, 8}), odd = ctx.zeros({2, 3, 7});
  Tensor s = ctx.empty({2, 3, 5}), h = ctx.empty({2, 3, 4}), y = ctx.empty({2, 3, 7});
  require_error([&] { run(ctx, ops::Power{.z = planar, .s = s}); },
                "power: z: expected (2, 3, 10), got (2, 3, 8)");
  Tensor exact = ctx.empty({2, 3, 4}, DType::f64);
  require_error([&] { run(ctx, ops::Power{.z = planar, .s = exact}); },
                "power: s: expected f32, got f64");
  require_error([&] { run(ctx, ops::ConjugateProduct{.k = odd, .q = odd, .y = y}); },
                "conjugate_product: k: expected (B, F, 2D), got (2, 3, 7)");
  require_error(
      [&] { run(ctx, ops::SelectFilter{.z = planar, .h = h, .filters = 2, .filter = 2}); },
      "select_filter: filter: expected 0 to 1, got 2");
}
