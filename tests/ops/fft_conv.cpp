#include "tests/ops/fft_conv_cases.h"

using namespace orchid;
using namespace orchid::test;

TEST_CASE("fft_conv and its gradient equal the direct sums for short lengths and all widths",
          "[ops][fft_conv]") {
  for (const TransformKind kind : {TransformKind::fft_ortho, TransformKind::dct_ortho}) {
    for (const std::int64_t length : {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 31})
      for (const std::int64_t width : {1, 3, 16, 33, 40})
        check_case(kind, {2, length, width}, length, {});
  }
}

TEST_CASE("fft_conv and its gradient equal the direct sums for long lengths", "[ops][fft_conv]") {
  for (const TransformKind kind : {TransformKind::fft, TransformKind::dct}) {
    for (const std::int64_t length : {64, 94, 97, 128, 196, 197})
      check_case(kind, {2, length, 3}, length, {});
    check_case(kind, {1, 512, 1}, 512, {});
  }
}

TEST_CASE("fft_conv takes any subset of its operands", "[ops][fft_conv]") {
  for (const TransformKind kind : {TransformKind::fft_ortho, TransformKind::dct}) {
    for (int bits = 0; bits < 16; ++bits) {
      const Parts parts{.gates = (bits & 1) != 0,
                        .h = (bits & 2) != 0,
                        .skip = (bits & 4) != 0,
                        .add = (bits & 8) != 0};
      check_case(kind, {2, 10, 19}, 10, parts);
    }
  }
}

TEST_CASE("fft_conv takes a zero-phase kernel per sample", "[ops][fft_conv]") {
  for (const std::int64_t length : {1, 2, 7, 16})
    check_case(TransformKind::fft, {3, length, 33}, length, {.zero_phase = true});
}

TEST_CASE("fft_conv is a linear convolution when padded", "[ops][fft_conv]") {
  for (const std::int64_t samples : {1, 2, 13, 64})
    check_case(TransformKind::fft_ortho, {2, samples, 35},
               ops::good_transform_length(2 * samples - 1), {});
}

TEST_CASE("gradients of fft_conv equal central differences", "[ops][fft_conv]") {
  for (const TransformKind kind : {TransformKind::fft_ortho, TransformKind::dct_ortho}) {
    for (const std::int64_t length : {5, 6}) {
      INFO(ops::name_of(kind) << " N=" << length);
      const reference::FftConv r = make_case(kind, {2, length, 2}, length, {});
      const Array g = random_array(2 * length * 2, 9);
      const auto numeric = [&](Array reference::FftConv::*input) {
        const auto f = [&](const Array& value) {
          reference::FftConv changed = r;
          changed.*input = value;
          return changed.forward().y;
        };
        return numeric_gradient(f, r.*input, g);
      };
      const reference::FftConv::Gradients exact = r.backward(g);
      check_close("dx", exact.dx, numeric(&reference::FftConv::x), kNumeric);
      check_close("dgate_in", exact.dgate_in, numeric(&reference::FftConv::gate_in), kNumeric);
      check_close("dgate_out", exact.dgate_out, numeric(&reference::FftConv::gate_out), kNumeric);
      check_close("dh0", exact.dh0, numeric(&reference::FftConv::h0), kNumeric);
      check_close("dh", exact.dh, numeric(&reference::FftConv::h), kNumeric);
      check_close("dskip", exact.dskip, numeric(&reference::FftConv::skip), kNumeric);
    }
  }
}

TEST_CASE("circular fft_conv commutes with a shift of its input", "[ops][fft_conv]") {
  const std::int64_t length = 30, width = 4, shift = 7;
  const reference::FftConv r = make_case(TransformKind::fft, {1, length, width}, length, {});
  const auto shifted = [&](const Array& values) {
    Array result(values.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      result[(i + static_cast<std::size_t>(shift * width)) % values.size()] = values[i];
    return result;
  };
  Context ctx({}, DType::f64);
  const Tensor h0 = upload(ctx, r.h0, {16, 2 * width});
  const auto convolved = [&](const Array& x) {
    Tensor y = poisoned(ctx, {1, length, width});
    run(ctx,
        ops::FftConv{.x = upload(ctx, x, {1, length, width}), .h0 = h0, .y = y, .length = length});
    return download(y);
  };
  check_close("y", convolved(shifted(r.x)), shifted(convolved(r.x)), kF64);
}

TEST_CASE("fft_conv may add to its own output, and its gradient to dx", "[ops][fft_conv]") {
  const std::int64_t length = 9;
  const Shape signal{2, length, 20};
  for (const TransformKind kind : {TransformKind::fft, TransformKind::dct}) {
    const reference::FftConv r =
        make_case(kind, signal, length, {.gates = false, .h = false, .skip = false});
    const Array g = random_array(signal.count(), 8);
    Array dx_expected = r.backward(g).dx;
    for (double& value : dx_expected) value += 3;
    for_each_precision([&](Context& ctx, DType, Tolerance tolerance) {
      const Tensor x = upload(ctx, r.x, signal), dy = upload(ctx, g, signal);
      const Tensor h0 =
          upload_f(ctx, r.h0, {ops::spectrum_bins(kind, length), ops::spectrum_channels(kind, 20)});
      Tensor y = upload(ctx, r.add, signal), dx = filled(ctx, signal, 3),
             dh0 = filled_f(ctx, h0.shape(), 0);
      run(ctx, ops::FftConv{.x = x,
                            .h0 = h0,
                            .add = y,
                            .y = y,
                            .kind = kind,
                            .length = length,
                            .scale = r.scale});
      check_close("y", y, r.forward().y, tolerance);
      run(ctx, ops::FftConvGrad{.dy = dy,
                                .x = x,
                                .h0 = h0,
                                .dx = dx,
                                .dh0 = dh0,
                                .kind = kind,
                                .length = length,
                                .scale = r.scale,
                                .accumulate_dx = true});
      check_close("dx", dx, dx_expected, tolerance);
    });
  }
}

TEST_CASE("gradients of fft_conv have the same bits for every thread count", "[ops][fft_conv]") {
  const Shape signal{20, built_with_cuda() ? 33 : 144, 37};
  const std::int64_t length = signal[1], bins = length / 2 + 1;
  const reference::FftConv r = make_case(TransformKind::fft, signal, length, {});
  const Array g = random_array(signal.count(), 8);
  check_same_for_any_threads([&](Context& ctx) {
    const Tensor x = upload(ctx, r.x, signal), dy = upload(ctx, g, signal),
                 h0 = upload(ctx, r.h0, {bins, 74}), skip = upload(ctx, r.skip, {37});
    Tensor dx = poisoned(ctx, signal), dh0 = filled(ctx, {bins, 74}, 1),
           dskip = filled(ctx, {37}, 1);
    run(ctx, ops::FftConvGrad{.dy = dy,
                              .x = x,
                              .h0 = h0,
                              .skip = skip,
                              .dx = dx,
                              .dh0 = dh0,
                              .dskip = dskip,
                              .length = length});
    Array all = download(dx);
    for (const Tensor* sums : {&dh0, &dskip}) {
      const Array values = download(*sums);
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  });
}

TEST_CASE("fft_conv names the operand whose shape is wrong", "[ops][fft_conv]") {
  Context& ctx = test_context();
  const Shape signal{2, 8, 3};
  Tensor x = ctx.zeros(signal), y = ctx.zeros(signal), h0 = ctx.zeros({5, 6}),
         h = ctx.zeros({2, 5, 4}), dh0 = ctx.zeros({5, 6}), narrow = ctx.zeros({2, 8, 2}),
         skip = ctx.zeros({2}), exact = ctx.zeros(signal, DType::f64),
         coarse = ctx.zeros({5, 6}, DType::bf16);
  const auto kernel_error = [&](const Tensor& fixed, const Tensor& own, const std::string& text) {
    require_error(
        [&] { run(ctx, ops::FftConv{.x = x, .h0 = fixed, .h = own, .y = y, .length = 8}); }, text);
  };
  kernel_error(ctx.zeros({4, 6}), Tensor{}, "fft_conv: h0: expected (5, 6), got (4, 6)");
  kernel_error(h0, h, "fft_conv: h: expected (2, 5, 6) or, zero phase, (2, 5, 3); got (2, 5, 4)");
  kernel_error(h0, exact, "fft_conv: h: expected f32, got f64");
  kernel_error(coarse, Tensor{}, "fft_conv: h0: expected f32, got bf16");
  const auto input_error = [&](const Tensor& input, std::int64_t column, const std::string& text) {
    require_error(
        [&] {
          run(ctx, ops::FftConv{.x = input, .h0 = h0, .y = y, .length = 8, .x_column = column});
        },
        text);
  };
  input_error(narrow, 0, "fft_conv: x: expected (2, 8, at least 3) for columns from 0 on");
  input_error(x, 1, "fft_conv: x: expected (2, 8, at least 4) for columns from 1 on");
  input_error(x, -1, "fft_conv: x: expected (2, 8, at least 2) for columns from -1 on");
  require_error(
      [&] { run(ctx, ops::FftConv{.x = x, .h0 = h0, .skip = skip, .y = y, .length = 8}); },
      "fft_conv: skip: expected (3), got (2)");
  require_error([&] { run(ctx, ops::FftConv{.x = x, .h0 = h0, .y = y, .length = 7}); },
                "fft_conv: length: expected at least L = 8, got 7");
  Tensor dx = ctx.zeros(signal), extra = ctx.zeros(signal);
  require_error(
      [&] {
        run(ctx, ops::FftConvGrad{.dy = y,
                                  .x = x,
                                  .h0 = h0,
                                  .gate_out = x,
                                  .dx = dx,
                                  .dgate_out = extra,
                                  .dh0 = dh0,
                                  .length = 8});
      },
      "fft_conv_grad: dgate_out: given without c");
  require_error(
      [&] {
        run(ctx,
            ops::FftConvGrad{
                .dy = y, .x = x, .h0 = h0, .dx = dx, .dgate_in = extra, .dh0 = dh0, .length = 8});
      },
      "fft_conv_grad: dgate_in: given without gate_in");
}

TEST_CASE("gradients of fft_conv sum over batches larger than the partial sums",
          "[ops][fft_conv]") {
  check_case(TransformKind::fft, {11, 6, 5}, 6, {});
  check_case(TransformKind::dct, {17, 5, 3}, 5, {});
  check_case(TransformKind::fft, {70, 6, 5}, 6, {});
  check_case(TransformKind::dct, {70, 5, 4}, 5, {});
  check_case(TransformKind::fft, {70, 7, 3}, 7, {.h = false});
  check_case(TransformKind::fft, {70, 7, 3}, 7, {.zero_phase = true});
}

TEST_CASE("fft_conv works through the batch in chunks where memory is short", "[ops][fft_conv]") {
  const auto most_bytes = [](DType dtype) -> std::int64_t& {
    return test_context(dtype).state<ops::TransformScratch>().most_bytes;
  };
  const std::int64_t usual = most_bytes(DType::f32);
  for (const std::int64_t bytes : {std::int64_t{1}, std::int64_t{15000}, usual}) {
    for_each_precision([&](Context&, DType dtype, Tolerance) { most_bytes(dtype) = bytes; });
    check_case(TransformKind::fft, {5, 20, 12}, 39, {});
    check_case(TransformKind::dct, {3, 9, 34}, 9, {.add = false, .short_taps = 3});
  }
}

TEST_CASE("fft_conv and its gradient equal the direct sums for the lengths of products",
          "[ops][fft_conv]") {
  for (const TransformKind kind : {TransformKind::dct, TransformKind::dct_ortho})
    for (const std::int64_t length : {1, 2, 31, 64, 128, 196, 197, 256})
      check_case(kind, {2, length, 8}, length, {.short_taps = length % 2 == 0 ? 3 : 0});
}

TEST_CASE("fft_conv by products reads a signal where it lies", "[ops][fft_conv]") {
  const Parts bare{.gates = false, .h = false, .add = false};
  for (const std::int64_t width : {5, 12, 16})
    check_case(TransformKind::dct_ortho, {3, 10, width}, 10, bare);
}
