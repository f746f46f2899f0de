#include "kernels/ops/fft_conv.h"

#include "kernels/ops/sequence_conv.h"
#include "tests/reference/fft_conv.h"
#include "tests/reference/sequence_conv.h"
#include "tests/support/arrays.h"
#include "tests/support/op_check.h"

using namespace orchid;
using namespace orchid::test;
using ops::TransformKind;

namespace {

/// What is left out of the op.
struct Parts {
  bool gates = true, h = true, zero_phase = false, skip = true, add = true;
  std::int64_t short_taps = 0;
  bool short_bias = true;
};

/// A reference with seeded inputs; what is left out has the value that leaves it without effect.
reference::FftConv make_case(TransformKind kind, const Shape& signal, std::int64_t length,
                             const Parts& parts) {
  reference::FftConv r;
  r.kind = static_cast<reference::Kind>(kind);
  r.batch = static_cast<std::size_t>(signal[0]);
  r.samples = static_cast<std::size_t>(signal[1]);
  r.width = static_cast<std::size_t>(signal[2]);
  r.length = static_cast<std::size_t>(length);
  r.scale = 0.7;
  r.zero_phase = parts.zero_phase;
  const std::int64_t count = signal.count(), bins = ops::spectrum_bins(kind, length),
                     channels = ops::spectrum_channels(kind, signal[2]);
  const auto given = [](bool is_given, std::int64_t n, std::uint64_t seed, double otherwise) {
    return is_given ? random_array(n, seed) : Array(static_cast<std::size_t>(n), otherwise);
  };
  r.x = random_array(count, 1);
  r.gate_in = given(parts.gates, count, 2, 1);
  r.h0 = random_array(bins * channels, 3);
  r.h = given(parts.h, signal[0] * bins * (parts.zero_phase ? signal[2] : channels), 4, 0);
  r.skip = given(parts.skip, signal[2], 5, 0);
  r.gate_out = given(parts.gates, count, 6, 1);
  r.add = given(parts.add, count, 7, 0);
  return r;
}

/// The columns [first, first + width) of a tensor `wide` columns across.
Array embedded(const Array& values, std::int64_t width, std::int64_t wide, std::int64_t first,
               double around) {
  const auto w = static_cast<std::size_t>(width);
  Array result(values.size() / w * static_cast<std::size_t>(wide), around);
  for (std::size_t i = 0; i < values.size(); ++i)
    result[i / w * static_cast<std::size_t>(wide) + static_cast<std::size_t>(first) + i % w] =
        values[i];
  return result;
}

/// Those columns.
Array taken(const Array& values, std::int64_t width, std::int64_t wide, std::int64_t first) {
  Array result;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::int64_t column = static_cast<std::int64_t>(i) % wide;
    if (column >= first && column < first + width) result.push_back(values[i]);
  }
  return result;
}

/// The causal convolution of every column by its own taps.
Array short_convolution(const Array& p, const Shape& shape, std::int64_t taps, const Array& weight,
                        const Array& bias) {
  return reference::sequence_conv({.batch = shape[0],
                                   .length = shape[1],
                                   .inputs = shape[2],
                                   .outputs = shape[2],
                                   .taps = taps,
                                   .groups = shape[2],
                                   .left = taps - 1},
                                  p, weight, bias);
}

void check_case(TransformKind kind, const Shape& signal, std::int64_t length, const Parts& parts) {
  INFO(ops::name_of(kind) << " " << signal << " N=" << length << " gates=" << parts.gates << " h="
                          << parts.h << " zero_phase=" << parts.zero_phase << " skip=" << parts.skip
                          << " add=" << parts.add << " short_taps=" << parts.short_taps
                          << " short_bias=" << parts.short_bias);
  reference::FftConv r = make_case(kind, signal, length, parts);
  // Of even widths, some rows are of even width too.
  const std::int64_t width = signal[2], wide = 3 * width + (width % 4 == 0 ? 2 : 1),
                     bins = ops::spectrum_bins(kind, length),
                     channels = ops::spectrum_channels(kind, width);
  const Shape all{signal[0], signal[1], wide};
  const Shape h_shape{signal[0], bins, parts.zero_phase ? width : channels};
  // One projection holds gate_out | x | gate_in, as in the model, and one column of its own.
  Array columns = embedded(r.x, width, wide, width, 0);
  const Array first = embedded(r.gate_out, width, wide, 0, 0),
              last = embedded(r.gate_in, width, wide, 2 * width, 0);
  for (std::size_t i = 0; i < columns.size(); ++i) columns[i] += first[i] + last[i];
  const Array short_weight = random_array(wide * parts.short_taps, 10),
              short_bias = parts.short_bias ? random_array(wide, 11) : Array();
  if (parts.short_taps > 0) {
    const Array q = short_convolution(columns, all, parts.short_taps, short_weight, short_bias);
    r.x = taken(q, width, wide, width);
    if (parts.gates) {
      r.gate_out = taken(q, width, wide, 0);
      r.gate_in = taken(q, width, wide, 2 * width);
    }
  }
  const auto [c_expected, y_expected] = r.forward();
  const Array g = random_array(signal.count(), 8);
  const reference::FftConv::Gradients expected = r.backward(g);

  for_each_precision([&](Context& ctx, DType dtype, Tolerance tolerance) {
    const Tolerance of_spectra = dtype == DType::bf16 ? kF32 : tolerance;
    const Tensor projected = upload(ctx, columns, all), none;
    const Tensor gates = parts.gates ? projected : none;
    const Tensor h0 = upload_f(ctx, r.h0, {bins, channels});
    const Tensor h = parts.h ? upload_f(ctx, r.h, h_shape) : none;
    const Tensor skip = parts.skip ? upload_f(ctx, r.skip, {width}) : none;
    const Tensor add = parts.add ? upload(ctx, r.add, signal) : none;
    const Tensor taps =
        parts.short_taps > 0 ? upload_f(ctx, short_weight, {wide, 1, parts.short_taps}) : none;
    const Tensor offsets =
        parts.short_taps > 0 && parts.short_bias ? upload_f(ctx, short_bias, {wide}) : none;
    Tensor c = poisoned(ctx, signal), y = poisoned(ctx, signal);
    run(ctx, ops::FftConv{.x = projected,
                          .gate_in = gates,
                          .h0 = h0,
                          .h = h,
                          .skip = skip,
                          .gate_out = gates,
                          .add = add,
                          .short_weight = taps,
                          .short_bias = offsets,
                          .c = c,
                          .y = y,
                          .kind = kind,
                          .length = length,
                          .scale = r.scale,
                          .x_column = width,
                          .gate_in_column = 2 * width,
                          .gate_out_column = 0});
    check_close("c", c, c_expected, tolerance);
    check_close("y", y, y_expected, tolerance);

    const Tensor dy = upload(ctx, g, signal);
    Tensor dall = filled(ctx, all, 5), undefined;
    Tensor dgates = parts.gates ? dall : undefined;
    Tensor dh0 = filled_f(ctx, h0.shape(), 0.5),
           dh = parts.h ? poisoned_f(ctx, h_shape) : undefined;
    Tensor dskip = parts.skip ? filled_f(ctx, {width}, 0.25) : undefined;
    run(ctx, ops::FftConvGrad{.dy = dy,
                              .x = projected,
                              .gate_in = gates,
                              .h0 = h0,
                              .h = h,
                              .skip = skip,
                              .gate_out = gates,
                              .c = c,
                              .short_weight = taps,
                              .short_bias = offsets,
                              .dx = dall,
                              .dgate_in = dgates,
                              .dgate_out = dgates,
                              .dh0 = dh0,
                              .dh = dh,
                              .dskip = dskip,
                              .kind = kind,
                              .length = length,
                              .scale = r.scale,
                              .x_column = width,
                              .gate_in_column = 2 * width,
                              .gate_out_column = 0});
    Array dall_expected = embedded(expected.dx, width, wide, width, 5);
    if (parts.gates) {
      const Array dgate_out = embedded(expected.dgate_out, width, wide, 0, 0),
                  dgate_in = embedded(expected.dgate_in, width, wide, 2 * width, 0);
      for (std::size_t i = 0; i < dall_expected.size(); ++i) {
        const auto column = static_cast<std::int64_t>(i) % wide;
        if (column < width) dall_expected[i] = dgate_out[i];
        if (column >= 2 * width && column < 3 * width) dall_expected[i] = dgate_in[i];
      }
    }
    check_close("dx, dgate_in, dgate_out", dall, dall_expected, tolerance);
    Array dh0_expected = expected.dh0, dskip_expected = expected.dskip;
    for (double& value : dh0_expected) value += 0.5;
    for (double& value : dskip_expected) value += 0.25;
    check_close("dh0", dh0, dh0_expected, of_spectra);
    if (parts.h) check_close("dh", dh, expected.dh, of_spectra);
    if (parts.skip) check_close("dskip", dskip, dskip_expected, of_spectra);
  });
}

}  // namespace

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
