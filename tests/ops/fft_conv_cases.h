#pragma once

#include "kernels/ops/fft_conv.h"
#include "kernels/ops/sequence_conv.h"
#include "tests/reference/fft_conv.h"
#include "tests/reference/sequence_conv.h"
#include "tests/support/arrays.h"
#include "tests/support/op_check.h"

namespace orchid::test {

using ops::TransformKind;

/// What is left out of the op.
struct Parts {
  bool gates = true, h = true, zero_phase = false, skip = true, add = true;
  std::int64_t short_taps = 0;
  bool short_bias = true;
  /// In bf16 as one kernel on a GPU, and no other way: rows have a multiple of 8 columns.
  bool fused = false;
};

/// A reference with seeded inputs; what is left out has the value that leaves it without effect.
inline reference::FftConv make_case(TransformKind kind, const Shape& signal, std::int64_t length,
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
inline Array embedded(const Array& values, std::int64_t width, std::int64_t wide,
                      std::int64_t first, double around) {
  const auto w = static_cast<std::size_t>(width);
  Array result(values.size() / w * static_cast<std::size_t>(wide), around);
  for (std::size_t i = 0; i < values.size(); ++i)
    result[i / w * static_cast<std::size_t>(wide) + static_cast<std::size_t>(first) + i % w] =
        values[i];
  return result;
}

/// Those columns.
inline Array taken(const Array& values, std::int64_t width, std::int64_t wide, std::int64_t first) {
  Array result;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::int64_t column = static_cast<std::int64_t>(i) % wide;
    if (column >= first && column < first + width) result.push_back(values[i]);
  }
  return result;
}

/// The causal convolution of every column by its own taps.
inline Array short_convolution(const Array& p, const Shape& shape, std::int64_t taps,
                               const Array& weight, const Array& bias) {
  return reference::sequence_conv({.batch = shape[0],
                                   .length = shape[1],
                                   .inputs = shape[2],
                                   .outputs = shape[2],
                                   .taps = taps,
                                   .groups = shape[2],
                                   .left = taps - 1},
                                  p, weight, bias);
}

/// Of results in bf16 by products, which round u, the cosines, T(u), T(u) H and the result (or
/// three of them of both factors of dH): up to six times 2^-9 and one for the second order.
constexpr Tolerance kBf16Products{1.4e-2};

/// Calls body(ctx, tolerance, tolerance of spectra and parameters) in every precision, and for
/// cosine kinds by Fourier transforms and by products; or `fused` alone.
template <class Body>
void for_each_method(TransformKind kind, bool fused, const Body& body) {
  if (fused) {
    Context& ctx = test_context(DType::bf16);
    ctx.state<ops::TransformChoice>().method = ops::TransformMethod::fused;
    body(ctx, kBf16Products, kBf16Products);
    ctx.state<ops::TransformChoice>().method = ops::TransformMethod::automatic;
    return;
  }
  for_each_precision([&](Context& ctx, DType dtype, Tolerance tolerance) {
    const bool bf16 = dtype == DType::bf16;
    auto& method = ctx.state<ops::TransformChoice>().method;
    method = ops::TransformMethod::fft;
    body(ctx, tolerance, bf16 ? kF32 : tolerance);
    if (built_with_cuda() && !ops::is_fourier(kind)) {
      INFO("by products");
      method = ops::TransformMethod::product;
      body(ctx, bf16 ? kBf16Products : tolerance, bf16 ? kBf16Products : tolerance);
    }
    method = ops::TransformMethod::automatic;
  });
}

inline void check_case(TransformKind kind, const Shape& signal, std::int64_t length,
                       const Parts& parts) {
  INFO(ops::name_of(kind) << " " << signal << " N=" << length << " gates=" << parts.gates << " h="
                          << parts.h << " zero_phase=" << parts.zero_phase << " skip=" << parts.skip
                          << " add=" << parts.add << " short_taps=" << parts.short_taps
                          << " short_bias=" << parts.short_bias << " fused=" << parts.fused);
  reference::FftConv r = make_case(kind, signal, length, parts);
  // Of even widths, some rows are of even width too.
  const std::int64_t width = signal[2],
                     wide = 3 * width + (parts.fused      ? 8
                                         : width % 4 == 0 ? 2
                                                          : 1),
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

  for_each_method(kind, parts.fused, [&](Context& ctx, Tolerance tolerance, Tolerance of_spectra) {
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

}  // namespace orchid::test
