// The short convolution that fft_conv does on the way.

#include "tests/ops/fft_conv_cases.h"

using namespace orchid;
using namespace orchid::test;

TEST_CASE("fft_conv and its gradient equal the direct sums after a short convolution",
          "[ops][fft_conv]") {
  for (const TransformKind kind : {TransformKind::fft_ortho, TransformKind::dct_ortho})
    for (const std::int64_t taps : {1, 2, 3, 4})
      for (const std::int64_t length : {1, 2, 9, 34})
        for (const std::int64_t width : {3, 20})
          check_case(kind, {2, length, width}, length,
                     {.short_taps = taps, .short_bias = length != 9});
  for (int bits = 0; bits < 16; ++bits)
    check_case(TransformKind::fft, {3, 5, 12}, 9,
               {.gates = (bits & 1) != 0,
                .h = (bits & 2) != 0,
                .skip = (bits & 4) != 0,
                .add = (bits & 8) != 0,
                .short_taps = 3});
}

TEST_CASE("fft_conv with a short convolution equals the two ops one after the other",
          "[ops][fft_conv]") {
  const Shape signal{2, 37, 16}, wide{2, 37, 48};
  const reference::FftConv r = make_case(TransformKind::fft, signal, 37, {.h = false});
  for_each_compute([&](Context& ctx, DType, Tolerance tolerance) {
    const Tensor p = upload(ctx, random_array(wide.count(), 20), wide),
                 weight = upload(ctx, random_array(48 * 4, 21), {48, 1, 4}),
                 bias = upload(ctx, random_array(48, 22), {48}), h0 = upload(ctx, r.h0, {19, 32}),
                 none;
    Tensor q = poisoned(ctx, wide);
    run(ctx,
        ops::SequenceConv{.x = p, .weight = weight, .bias = bias, .y = q, .groups = 48, .left = 3});
    const auto convolved = [&](const Tensor& x, const Tensor& taps, const Tensor& offsets) {
      Tensor y = poisoned(ctx, signal);
      run(ctx, ops::FftConv{.x = x,
                            .gate_in = x,
                            .h0 = h0,
                            .gate_out = x,
                            .short_weight = taps,
                            .short_bias = offsets,
                            .y = y,
                            .length = 37,
                            .x_column = 32,
                            .gate_in_column = 16});
      return download(y);
    };
    check_close("y", convolved(p, weight, bias), convolved(q, none, none), tolerance);
  });
}

TEST_CASE("fft_conv takes a short convolution of the tensor of x alone", "[ops][fft_conv]") {
  Context& ctx = test_context();
  const Tensor x = filled(ctx, {2, 8, 3}, 1), other = filled(ctx, {2, 8, 3}, 1),
               h0 = filled(ctx, {5, 6}, 1), none;
  Tensor y = poisoned(ctx, {2, 8, 3});
  const auto error = [&](const Tensor& gate, const Tensor& weight, const Tensor& bias,
                         const std::string& text) {
    require_error(
        [&] {
          run(ctx, ops::FftConv{.x = x,
                                .h0 = h0,
                                .gate_out = gate,
                                .short_weight = weight,
                                .short_bias = bias,
                                .y = y,
                                .length = 8});
        },
        text);
  };
  const Tensor weight = filled(ctx, {3, 1, 4}, 1);
  error(
      other, weight, none,
      "fft_conv: gate_out: expected columns of the tensor that x is of, as short_weight is given");
  error(none, filled(ctx, {3, 1, 5}, 1), none,
        "fft_conv: short_weight: expected (3, 1, 1 to 4), got (3, 1, 5)");
  error(none, filled(ctx, {2, 1, 3}, 1), none,
        "fft_conv: short_weight: expected (3, 1, 1 to 4), got (2, 1, 3)");
  error(none, weight, filled(ctx, {4}, 1), "fft_conv: short_bias: expected (3), got (4)");
  error(none, none, filled(ctx, {3}, 1), "fft_conv: short_bias: given without short_weight");
}
