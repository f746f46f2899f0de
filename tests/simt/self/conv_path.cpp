// Which kernels cosine convolutions take: in bf16 one, wherever it can be taken.

#include <algorithm>

#include "kernels/ops/fft_conv.h"
#include "tests/simt/control.h"
#include "tests/support/arrays.h"

using namespace orchid;
using namespace orchid::test;

namespace {

struct Case {
  DType compute = DType::bf16;
  std::int64_t length = 16, width = 8;
  bool late = false;  ///< the operands begin one element late
  bool chained = false;
  bool short_taps = false;
  ops::TransformKind kind = ops::TransformKind::dct_ortho;
  ops::TransformMethod method = ops::TransformMethod::automatic;
};

/// The kernels of both ops, without the namespace.
std::vector<std::string> kernels_of(const Case& c) {
  Context& ctx = test_context(c.compute);
  const Shape shape{1, c.length, c.width},
      spectrum{ops::spectrum_bins(c.kind, c.length), ops::spectrum_channels(c.kind, c.width)};
  const auto operand = [&] { return filled(ctx, {shape.count() + 1}, 0.5).slice(c.late, shape); };
  const Tensor x = operand(), dy = operand(), h0 = filled_f(ctx, spectrum, 1), none,
               taps = c.short_taps ? filled_f(ctx, {c.width, 1, 3}, 1) : none;
  Tensor y = operand(), dx = operand(), dh0 = filled_f(ctx, spectrum, 0);
  simt::finish_work();
  simt::launched_kernels();
  ctx.state<ops::TransformChoice>().method = c.method;
  run(ctx, ops::FftConv{.x = x,
                        .h0 = h0,
                        .short_weight = taps,
                        .y = y,
                        .kind = c.kind,
                        .length = c.length,
                        .chained = c.chained});
  run(ctx, ops::FftConvGrad{.dy = dy,
                            .x = x,
                            .h0 = h0,
                            .short_weight = taps,
                            .dx = dx,
                            .dh0 = dh0,
                            .kind = c.kind,
                            .length = c.length,
                            .chained = c.chained});
  ctx.state<ops::TransformChoice>().method = ops::TransformMethod::automatic;
  simt::finish_work();
  std::vector<std::string> names = simt::launched_kernels();
  for (std::string& name : names) name = name.substr(name.rfind("::") + 2);
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> fused(bool short_taps, int threads) {
  const std::string of = str("<", short_taps ? "true" : "false", ", ", threads, ">");
  return {"conv_tile" + of, "conv_tile_grad" + of};
}

bool is_fused(const Case& c) {
  const std::vector<std::string> names = kernels_of(c);
  return std::any_of(names.begin(), names.end(),
                     [](const std::string& name) { return name.substr(0, 9) == "conv_tile"; });
}

}  // namespace

TEST_CASE("cosine convolutions of bf16 with up to 256 positions are one kernel", "[simt]") {
  for (const std::int64_t length : {1, 16, 128}) {
    CHECK(kernels_of({.length = length}) == fused(false, 128));
    CHECK(kernels_of({.length = length, .short_taps = true}) == fused(true, 128));
  }
  for (const std::int64_t length : {129, 256})
    CHECK(kernels_of({.length = length, .short_taps = true}) == fused(true, 256));
  CHECK(kernels_of({.kind = ops::TransformKind::dct, .method = ops::TransformMethod::fused}) ==
        fused(false, 128));
}

TEST_CASE("convolutions that one kernel cannot do, or is not to do, are several", "[simt]") {
  using ops::TransformMethod;
  CHECK(!is_fused({.length = 257}));
  CHECK(!is_fused({.width = 12}));
  CHECK(!is_fused({.late = true}));
  CHECK(!is_fused({.chained = true}));
  CHECK(!is_fused({.compute = DType::f32}));
  CHECK(!is_fused({.kind = ops::TransformKind::fft}));
  CHECK(!is_fused({.method = TransformMethod::product}));
  CHECK(!is_fused({.method = TransformMethod::fft}));
}
