#include "kernels/ops/transform.h"

#include "tests/reference/transform.h"
#include "tests/support/arrays.h"
#include "tests/support/op_check.h"

using namespace orchid;
using namespace orchid::test;
using ops::TransformKind;

namespace {

constexpr TransformKind kKinds[] = {TransformKind::fft, TransformKind::fft_ortho,
                                    TransformKind::dct, TransformKind::dct_ortho};

struct Size {
  std::int64_t batch, samples, width, length;
};

Shape spectrum_shape(TransformKind kind, const Size& s) {
  return {s.batch, ops::spectrum_bins(kind, s.length), ops::spectrum_channels(kind, s.width)};
}

/// All four ops against the matrices of the transform and their transposes.
void check_size(TransformKind kind, const Size& s) {
  INFO(ops::name_of(kind) << " B=" << s.batch << " L=" << s.samples << " D=" << s.width
                          << " N=" << s.length);
  const auto reference_kind = static_cast<reference::Kind>(kind);
  const auto samples = static_cast<std::size_t>(s.samples),
             length = static_cast<std::size_t>(s.length), batch = static_cast<std::size_t>(s.batch),
             width = static_cast<std::size_t>(s.width);
  const auto to_bins = reference::forward_matrix(reference_kind, samples, length);
  const auto to_samples = reference::inverse_matrix(reference_kind, samples, length);
  const Shape signal = {s.batch, s.samples, s.width}, bins = spectrum_shape(kind, s);
  const Array x = random_array(signal.count(), 1), g = random_array(bins.count(), 2);

  const Array forward = apply(to_bins, x, batch, width);
  const Array forward_grad = apply(transposed(to_bins), g, batch, width);
  const Array inverse = apply(to_samples, g, batch, width);
  const Array inverse_grad = apply(transposed(to_samples), x, batch, width);
  for_each_precision([&](Context& ctx, DType dtype, Tolerance tolerance) {
    const Tolerance of_spectra = dtype == DType::bf16 ? kF32 : tolerance;
    const Tensor tx = upload(ctx, x, signal), tg = upload_f(ctx, g, bins);
    Tensor y = poisoned_f(ctx, bins), dx = poisoned(ctx, signal);
    run(ctx, ops::Transform{.x = tx, .spectrum = y, .kind = kind, .length = s.length});
    check_close("spectrum", y, forward, of_spectra);
    run(ctx, ops::TransformGrad{.dspectrum = tg, .dx = dx, .kind = kind, .length = s.length});
    check_close("dx", dx, forward_grad, tolerance);

    Tensor z = poisoned(ctx, signal), dspectrum = poisoned_f(ctx, bins);
    run(ctx, ops::InverseTransform{.spectrum = tg, .x = z, .kind = kind, .length = s.length});
    check_close("x", z, inverse, tolerance);
    run(ctx, ops::InverseTransformGrad{
                 .dx = tx, .dspectrum = dspectrum, .kind = kind, .length = s.length});
    check_close("dspectrum", dspectrum, inverse_grad, of_spectra);
  });
}

/// Sets how the test contexts do cosine transforms; back to automatic at the end.
class Method {
 public:
  explicit Method(ops::TransformMethod method) { set(method); }
  ~Method() { set(ops::TransformMethod::automatic); }

 private:
  static void set(ops::TransformMethod method) {
    for_each_precision(
        [&](Context& ctx, DType, Tolerance) { ctx.state<ops::TransformChoice>().method = method; });
  }
};

double relative_l2(const Array& got, const Array& expected) {
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    error += (got[i] - expected[i]) * (got[i] - expected[i]);
    norm += expected[i] * expected[i];
  }
  return std::sqrt(error / norm);
}

}  // namespace

TEST_CASE("transforms equal the explicit matrices for short lengths and all widths",
          "[ops][transform]") {
  for (const TransformKind kind : kKinds) {
    for (const std::int64_t length : {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 31})
      for (const std::int64_t width : {1, 3, 16, 33, 40})
        check_size(kind, {2, length, width, length});
  }
}

TEST_CASE("transforms equal the explicit matrices for long lengths", "[ops][transform]") {
  for (const TransformKind kind : kKinds) {
    for (const std::int64_t length : {64, 94, 97, 128, 196, 197})
      check_size(kind, {1, length, 18, length});
  }
  check_size(TransformKind::fft_ortho, {1, 1000, 3, 1000});
  check_size(TransformKind::fft, {1, 1024, 3, 1024});
  check_size(TransformKind::dct, {1, 1024, 3, 1024});
}

TEST_CASE("cosine transforms by products and by Fourier transforms equal the explicit matrices",
          "[ops][transform]") {
  for (const ops::TransformMethod method :
       {ops::TransformMethod::product, ops::TransformMethod::fft}) {
    const Method set(method);
    for (const TransformKind kind : {TransformKind::dct, TransformKind::dct_ortho})
      for (const std::int64_t length : {1, 2, 31, 64, 128, 196, 197, 256})
        check_size(kind, {2, length, length == 64 ? 33 : 8, length});
  }
}

TEST_CASE("float32 spectra beside bf16 activations keep ten bits of their operands",
          "[ops][transform]") {
  if (!built_with_cuda()) return;
  const std::int64_t batch = 3, length = 37, width = 16;
  Context& ctx = test_context(DType::bf16);
  const Method set(ops::TransformMethod::product);
  const Shape shape{batch, length, width};
  const Array x = random_array(shape.count(), 7);
  const auto samples = static_cast<std::size_t>(length);
  const auto to_bins = reference::forward_matrix(reference::Kind::dct_ortho, samples, samples);
  const Tensor tx = upload_f(ctx, x, shape);
  Tensor y = poisoned_f(ctx, shape), dx = poisoned_f(ctx, shape);
  run(ctx,
      ops::Transform{.x = tx, .spectrum = y, .kind = TransformKind::dct_ortho, .length = length});
  run(ctx, ops::TransformGrad{
               .dspectrum = tx, .dx = dx, .kind = TransformKind::dct_ortho, .length = length});
  check_close("spectrum", y, apply(to_bins, x, batch, width), {5e-4});
  check_close("dx", dx, apply(transposed(to_bins), x, batch, width), {5e-4});
}

TEST_CASE("fourier transforms pad the signal with zeros and cut the result", "[ops][transform]") {
  for (const TransformKind kind : {TransformKind::fft, TransformKind::fft_ortho}) {
    for (const Size s :
         {Size{2, 1, 3, 2}, Size{2, 5, 33, 9}, Size{1, 31, 64, 61}, Size{3, 64, 7, 128}})
      check_size(kind, s);
  }
}

TEST_CASE("transforms work through the batch in chunks where memory is short", "[ops][transform]") {
  const auto most_bytes = [](DType dtype) -> std::int64_t& {
    return test_context(dtype).state<ops::TransformScratch>().most_bytes;
  };
  const std::int64_t usual = most_bytes(DType::f32);
  for (const std::int64_t bytes : {std::int64_t{1}, std::int64_t{5000}, usual}) {
    for_each_precision([&](Context&, DType dtype, Tolerance) { most_bytes(dtype) = bytes; });
    for (const TransformKind kind : kKinds) check_size(kind, {5, 20, 12, 20});
  }
}

TEST_CASE("the inverse transform undoes the transform", "[ops][transform]") {
  for (const TransformKind kind : kKinds) {
    for (const std::int64_t length : {1, 30, 197, 256}) {
      INFO(ops::name_of(kind) << " N=" << length);
      const Size s{2, length, 20, length};
      const Array x = random_array(2 * length * 20, 3);
      for_each_precision([&](Context& ctx, DType, Tolerance tolerance) {
        const Tensor tx = upload(ctx, x, {2, length, 20});
        Tensor spectrum = poisoned_f(ctx, spectrum_shape(kind, s)),
               back = poisoned(ctx, tx.shape());
        run(ctx, ops::Transform{.x = tx, .spectrum = spectrum, .kind = kind, .length = length});
        run(ctx,
            ops::InverseTransform{.spectrum = spectrum, .x = back, .kind = kind, .length = length});
        check_close("x", back, x, tolerance);
      });
    }
  }
}

TEST_CASE("imaginary parts of the edge bins have exactly no gradient", "[ops][transform]") {
  const std::int64_t length = 12, width = 5;
  Context& ctx = test_context();
  const Tensor dx = upload(ctx, random_array(length * width, 4), {1, length, width});
  Tensor dspectrum = poisoned(ctx, {1, 7, 2 * width});
  run(ctx, ops::InverseTransformGrad{.dx = dx, .dspectrum = dspectrum, .length = length});
  const Array got = download(dspectrum);
  for (const std::size_t bin : {0, 6})
    for (std::size_t d = 0; d < 5; ++d) CHECK(got[bin * 10 + 5 + d] == 0);
}

TEST_CASE("float32 keeps a relative error of 5e-7 for long transforms", "[ops][transform]") {
  Context exact({}, DType::f64, 2);
  for (const TransformKind kind : {TransformKind::fft_ortho, TransformKind::dct_ortho}) {
    for (const std::int64_t length : {8192, 8191}) {
      const Array x = random_array(length * 3, 5);
      const auto transformed = [&](Context& ctx) {
        const Tensor tx = upload(ctx, x, {1, length, 3});
        Tensor y = poisoned(ctx, spectrum_shape(kind, {1, length, 3, length}));
        run(ctx, ops::Transform{.x = tx, .spectrum = y, .kind = kind, .length = length});
        return download(y);
      };
      INFO(ops::name_of(kind) << " N=" << length);
      CHECK(relative_l2(transformed(test_context()), transformed(exact)) < 5e-7);
    }
  }
}

TEST_CASE("transforms give the same bits for every thread count", "[ops][transform]") {
  const std::int64_t length = built_with_cuda() ? 210 : 2100, width = 37;
  const Array x = random_array(length * width, 6);
  for (const TransformKind kind : kKinds) {
    INFO(ops::name_of(kind));
    check_same_for_any_threads([&](Context& ctx) {
      const Tensor tx = upload(ctx, x, {1, length, width});
      Tensor y = poisoned(ctx, spectrum_shape(kind, {1, length, width, length}));
      run(ctx, ops::Transform{.x = tx, .spectrum = y, .kind = kind, .length = length});
      return download(y);
    });
  }
}

TEST_CASE("good_transform_length is the next product of 2, 3, 5 and 7", "[ops][transform]") {
  const std::int64_t expected[][2] = {{1, 1},     {11, 12},     {13, 14},   {97, 98},
                                      {255, 256}, {1025, 1029}, {393, 400}, {16383, 16384}};
  for (const auto& [least, length] : expected) CHECK(ops::good_transform_length(least) == length);
}

TEST_CASE("transforms name the operand whose shape is wrong", "[ops][transform]") {
  Context& ctx = test_context();
  Tensor x = ctx.zeros({2, 8, 3}), flat = ctx.zeros({8, 3}), spectrum = ctx.zeros({2, 5, 6}),
         bins = ctx.zeros({2, 5, 3}), exact = ctx.zeros({2, 5, 6}, DType::f64),
         coarse = ctx.zeros({2, 5, 6}, DType::bf16);
  const auto forward = [&](Tensor& in, Tensor& out, TransformKind kind, std::int64_t length) {
    run(ctx, ops::Transform{.x = in, .spectrum = out, .kind = kind, .length = length});
  };
  forward(x, spectrum, TransformKind::fft, 8);
  require_error([&] { forward(flat, spectrum, TransformKind::fft, 8); },
                "transform: x: expected (B, L, D), got (8, 3)");
  require_error([&] { forward(x, bins, TransformKind::fft, 8); },
                "transform: spectrum: expected (2, 5, 6), got (2, 5, 3)");
  require_error([&] { forward(x, spectrum, TransformKind::fft, 7); },
                "transform: length: expected at least L = 8, got 7");
  require_error([&] { forward(x, spectrum, TransformKind::dct, 9); },
                "transform: length: expected L = 8 for dct, got 9");
  require_error([&] { forward(x, exact, TransformKind::fft, 8); },
                "transform: spectrum: expected f32, got f64");
  require_error([&] { forward(x, coarse, TransformKind::fft, 8); },
                "transform: spectrum: expected f32, got bf16");
  require_error(
      [&] {
        run(ctx, ops::InverseTransform{
                     .spectrum = bins, .x = x, .kind = TransformKind::fft, .length = 8});
      },
      "inverse_transform: spectrum: expected (2, 5, 6), got (2, 5, 3)");
}
