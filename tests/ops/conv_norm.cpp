#include "kernels/ops/conv_norm.h"

#include "tests/reference/conv_norm.h"
#include "tests/support/arrays.h"

using namespace orchid;
using namespace orchid::test;

namespace {

/// Where a case's input comes from.
enum class Input { rows, columns, complex_power, real_power };

struct Case {
  reference::ConvNorm r;
  Input input;
  Array dy;

  Case(long batch, long length, long channels, long outputs, long taps, Input from,
       bool planar = false, bool with_bias = true)
      : input(from), dy(random_array(batch * length * channels * outputs, 6)) {
    const std::int64_t all = channels * outputs;
    r.batch = batch;
    r.length = length;
    r.channels = channels;
    r.outputs = outputs;
    r.taps = taps;
    r.power = from == Input::complex_power || from == Input::real_power;
    r.complex = from == Input::complex_power;
    r.planar = planar;
    r.x = random_array(batch * length * channels * (r.complex ? 2 : 1), 1);
    r.weight = random_array(all * taps, 2);
    if (with_bias) r.bias = random_array(all, 3);
    r.gamma = random_array(all, 4);
    r.beta = random_array(all, 5);
  }

  std::int64_t outputs() const { return r.channels * r.outputs; }
  Shape y_shape() const { return {r.batch, r.length, outputs()}; }
  Shape weight_shape() const { return {outputs(), 1, r.taps}; }
  std::string text() const {
    return str("B=", r.batch, " S=", r.length, " C=", r.channels, " m=", r.outputs, " K=", r.taps,
               " input ", static_cast<int>(input), " planar ", r.planar, " bias ", !r.bias.empty());
  }
  /// First of C columns of a wider tensor; such that some are addressed in vectors.
  std::int64_t column() const {
    if (input != Input::columns) return 0;
    return r.channels % 8 == 0 ? 8 : 3;
  }
  /// Spectra are not rounded to bf16.
  Tensor upload_x(const Context& ctx) const {
    const std::int64_t own = r.channels * (r.complex ? 2 : 1);
    if (r.power) return upload_f(ctx, r.x, {r.batch, r.length, own});
    const auto width = static_cast<std::size_t>(own), first = static_cast<std::size_t>(column()),
               wide = width + 2 * first;
    Array all(r.x.size() / width * wide, 7);
    for (std::size_t i = 0; i < r.x.size(); ++i) all[i / width * wide + first + i % width] = r.x[i];
    return upload(ctx, all, {r.batch, r.length, static_cast<std::int64_t>(wide)});
  }
};

/// By differences of the reference.
struct Gradients {
  Array dx, dweight, dbias, dgamma, dbeta;

  explicit Gradients(const Case& c) {
    const auto of = [&](Array reference::ConvNorm::*input) {
      const auto f = [&](const Array& values) {
        reference::ConvNorm changed = c.r;
        changed.*input = values;
        return changed.forward().y;
      };
      return numeric_gradient(f, c.r.*input, c.dy);
    };
    dx = of(&reference::ConvNorm::x);
    dweight = of(&reference::ConvNorm::weight);
    if (!c.r.bias.empty()) dbias = of(&reference::ConvNorm::bias);
    dgamma = of(&reference::ConvNorm::gamma);
    dbeta = of(&reference::ConvNorm::beta);
  }

  /// Written out, for larger cases.
  struct Exact {};
  Gradients(const Case& c, Exact) {
    const reference::Normalized saved = c.r.forward();
    const auto width = static_cast<std::size_t>(c.r.channels);
    Array upper = c.dy;
    if (c.r.planar) {
      const reference::Spectrum z = reference::from_planar(c.dy, width);
      for (std::size_t i = 0; i < z.size(); ++i) {
        upper[2 * i] = z[i].real();
        upper[2 * i + 1] = z[i].imag();
      }
    }
    const Array u = c.r.convolved();
    const reference::NormGradients norm =
        reference::layer_norm_grad(upper, u, c.r.gamma, saved.mean, saved.rstd);
    dgamma = norm.dgamma;
    dbeta = norm.dbeta;
    const Array s = c.r.power ? reference::power(c.r.x, width, c.r.complex) : c.r.x;
    const auto taps = static_cast<std::size_t>(c.r.taps), m = static_cast<std::size_t>(c.r.outputs);
    const long length = c.r.length;
    Array ds(s.size());
    dweight.resize(c.r.weight.size());
    if (!c.r.bias.empty()) dbias.resize(c.r.bias.size());
    for (std::size_t i = 0; i < norm.dx.size(); ++i) {
      const std::size_t row = i / (m * width), co = i % (m * width);
      if (!dbias.empty()) dbias[co] += norm.dx[i];
      for (std::size_t j = 0; j < taps; ++j) {
        const long shift = static_cast<long>(j) - (c.r.taps - 1) / 2,
                   p = static_cast<long>(row) % length + shift;
        if (p < 0 || p >= length) continue;
        const auto at = static_cast<std::size_t>(static_cast<long>(row) + shift) * width + co / m;
        ds[at] += c.r.weight[co * taps + j] * norm.dx[i];
        dweight[co * taps + j] += s[at] * norm.dx[i];
      }
    }
    dx = ds;
    if (!c.r.power) return;
    dx = c.r.x;
    for (std::size_t i = 0; i < dx.size(); ++i) {
      if (c.r.complex) {
        dx[i] *= 2 * ds[i / (2 * width) * width + i % width];
      } else {
        dx[i] = dx[i] < 0 ? -ds[i] : ds[i];
      }
    }
  }
};

/// The mean may be much smaller than what it is the mean of.
Tolerance of_mean(const Case& c, const Array& mean, Tolerance tolerance) {
  const auto largest = [](const Array& values) {
    double most = 0;
    for (const double value : values) most = std::max(most, std::abs(value));
    return most;
  };
  return tolerance * std::max(1.0, largest(c.r.convolved()) / largest(mean));
}

void check_forward(const Case& c) {
  INFO(c.text());
  const reference::Normalized expected = c.r.forward();
  for_each_precision([&](Context& ctx, DType dtype, Tolerance given) {
    const Tolerance tolerance = of_sums(dtype, given);
    const std::int64_t rows = c.r.batch * c.r.length;
    Tensor y = poisoned_f(ctx, c.y_shape()), mean = poisoned_f(ctx, {rows}),
           rstd = poisoned_f(ctx, {rows});
    run(ctx,
        ops::ConvNorm{.x = c.upload_x(ctx),
                      .weight = upload_f(ctx, c.r.weight, c.weight_shape()),
                      .bias = c.r.bias.empty() ? Tensor() : upload_f(ctx, c.r.bias, {c.outputs()}),
                      .gamma = upload_f(ctx, c.r.gamma, {c.outputs()}),
                      .beta = upload_f(ctx, c.r.beta, {c.outputs()}),
                      .y = y,
                      .mean = mean,
                      .rstd = rstd,
                      .groups = c.r.channels,
                      .x_column = c.column(),
                      .power = c.r.power,
                      .complex = c.r.complex,
                      .planar = c.r.planar});
    check_close("mean", mean, expected.mean, of_mean(c, expected.mean, tolerance));
    check_close("rstd", rstd, expected.rstd, tolerance);
    check_close("y", y, expected.y, tolerance);
  });
}

/// Each gradient is a small difference of terms as large as rstd: hence the factor.
constexpr double kCancelling = 4;

/// `least`: what the expected gradients are exact to.
void check_gradient(const Case& c, const Gradients& expected, Tolerance least = kF64) {
  INFO(c.text());
  const reference::Normalized saved = c.r.forward();
  for_each_precision([&](Context& ctx, DType dtype, Tolerance given) {
    const auto loosened = [&](Tolerance tolerance) {
      return Tolerance{std::max(tolerance.relative * kCancelling, least.relative)};
    };
    const Tolerance tolerance = loosened(of_sums(dtype, given));
    const std::int64_t rows = c.r.batch * c.r.length;
    const Tensor x = c.upload_x(ctx);
    const bool with_bias = !c.r.bias.empty();
    const Shape vector{c.outputs()},
        dx_shape = c.r.power ? x.shape() : Shape{c.r.batch, c.r.length, c.r.channels};
    Tensor dx = Tensor(c.r.power ? poisoned_f(ctx, dx_shape) : poisoned(ctx, dx_shape));
    Tensor dweight = filled_f(ctx, c.weight_shape(), 0.5), dgamma = filled_f(ctx, vector, 0.25),
           dbeta = filled_f(ctx, vector, -0.25),
           dbias = with_bias ? filled_f(ctx, vector, 0.75) : Tensor();
    run(ctx, ops::ConvNormGrad{.dy = upload_f(ctx, c.dy, c.y_shape()),
                               .x = x,
                               .weight = upload_f(ctx, c.r.weight, c.weight_shape()),
                               .bias = with_bias ? upload_f(ctx, c.r.bias, vector) : Tensor(),
                               .gamma = upload_f(ctx, c.r.gamma, vector),
                               .mean = upload_f(ctx, saved.mean, {rows}),
                               .rstd = upload_f(ctx, saved.rstd, {rows}),
                               .dx = dx,
                               .dweight = dweight,
                               .dbias = dbias,
                               .dgamma = dgamma,
                               .dbeta = dbeta,
                               .groups = c.r.channels,
                               .x_column = c.column(),
                               .power = c.r.power,
                               .complex = c.r.complex,
                               .planar = c.r.planar});
    check_close("dx", dx, expected.dx, c.r.power ? tolerance : loosened(given));
    check_close("dweight", dweight, added_to(0.5, expected.dweight), tolerance);
    if (with_bias) check_close("dbias", dbias, added_to(0.75, expected.dbias), tolerance);
    check_close("dgamma", dgamma, added_to(0.25, expected.dgamma), tolerance);
    check_close("dbeta", dbeta, added_to(-0.25, expected.dbeta), tolerance);
  });
}

}  // namespace

TEST_CASE("conv_norm equals a convolution and a layer norm", "[ops][conv_norm]") {
  const Input input =
      GENERATE(Input::rows, Input::columns, Input::complex_power, Input::real_power);
  const long outputs = GENERATE(1, 2), taps = GENERATE(1, 3, 5, 7);
  for (const long channels : {3, 8, 33, 40})
    for (const long length : {1, 2, 5, 33})
      for (const bool planar : {false, true}) {
        if (planar && outputs == 1) continue;
        check_forward(Case(2, length, channels, outputs, taps, input, planar, length != 5));
      }
}

TEST_CASE("conv_norm of one channel keeps to beta or to two values", "[ops][conv_norm]") {
  check_forward(Case(3, 5, 1, 1, 3, Input::rows));
  check_forward(Case(1, 4, 1, 2, 5, Input::complex_power, true));
}

TEST_CASE("conv_norm and its gradient take rows of any width", "[ops][conv_norm]") {
  const long channels = GENERATE(256, 300, 768, 1030, 1032, 2100);
  const Input input = GENERATE(Input::columns, Input::complex_power, Input::real_power);
  const Case c(1, 3, channels, channels == 256 ? 1 : 2, 3, input, channels != 300);
  check_forward(Case(1, 3, channels, 1, 3, input));
  check_forward(c.r.outputs == 2 ? c : Case(1, 3, channels, 1, 5, input));
  if (c.r.outputs == 2) check_gradient(c, Gradients(c, Gradients::Exact{}));
}

TEST_CASE("conv_norm and its gradient take rows that no multiprocessor can keep",
          "[ops][conv_norm]") {
  for (const long channels : {25000, 25001}) {
    const Case c(1, 2, channels, 1, 3, Input::rows);
    check_forward(c);
    check_gradient(c, Gradients(c, Gradients::Exact{}));
  }
}

TEST_CASE("conv_norm and its gradient take many rows", "[ops][conv_norm]") {
  const Input input = GENERATE(Input::rows, Input::complex_power);
  const Case c(3, 1500, 4, 2, 3, input, true);
  check_forward(c);
  check_gradient(c, Gradients(c, Gradients::Exact{}));
}

TEST_CASE("conv_norm and its gradient take runs that end inside a sample or at its end",
          "[ops][conv_norm]") {
  const Input input =
      GENERATE(Input::rows, Input::columns, Input::complex_power, Input::real_power);
  const long outputs = GENERATE(1, 2);
  const auto check = [&](long batch, long length, long channels) {
    const Case c(batch, length, channels, outputs, 3, input, outputs == 2 && length != 7,
                 length != 3);
    check_forward(c);
    check_gradient(c, Gradients(c, Gradients::Exact{}));
  };
  for (const long length : {1, 2, 3, 7, 33}) check(3, length, 8);
  for (const long length : {1, 3, 7, 128}) check(1, length, 40);
  for (const long length : {2, 33}) check(1, length, 768);
}

TEST_CASE("conv_norm and its gradient take long runs of wide rows", "[ops][conv_norm]") {
  const bool power = GENERATE(false, true);
  const Case c = power ? Case(3, 1500, 258, 2, 3, Input::complex_power, true)
                       : Case(3, 1500, 516, 1, 3, Input::rows);
  if (power) check_forward(Case(3, 2900, 516, 1, 3, Input::rows));
  check_gradient(c, Gradients(c, Gradients::Exact{}));
}

TEST_CASE("conv_norm_grad equals central differences", "[ops][conv_norm]") {
  const Input input =
      GENERATE(Input::rows, Input::columns, Input::complex_power, Input::real_power);
  const long outputs = GENERATE(1, 2), taps = GENERATE(1, 3, 5, 7);
  for (const long channels : {3, 8})
    for (const long length : {1, 2, 5})
      for (const bool planar : {false, true}) {
        if (planar && outputs == 1) continue;
        const Case c(2, length, channels, outputs, taps, input, planar, length != 2);
        // A normalised value bends: with a large rstd its differences are less exact.
        check_gradient(c, Gradients(c), kNumeric * 10);
      }
}

TEST_CASE("conv_norm_grad equals the formula for more channels", "[ops][conv_norm]") {
  const Input input =
      GENERATE(Input::rows, Input::columns, Input::complex_power, Input::real_power);
  const long outputs = GENERATE(1, 2), taps = GENERATE(1, 3, 5);
  for (const long channels : {33, 40}) {
    const Case c(2, 33, channels, outputs, taps, input, outputs == 2);
    check_gradient(c, Gradients(c, Gradients::Exact{}));
  }
}

TEST_CASE("conv_norm_grad gives the same bits with any number of threads", "[ops][conv_norm]") {
  const Case c(2, 90, 20, 2, 3, Input::complex_power, true);
  const reference::Normalized saved = c.r.forward();
  check_same_for_any_threads([&](Context& ctx) {
    const Tensor x = c.upload_x(ctx);
    Tensor dx = poisoned(ctx, x.shape()), dweight = filled(ctx, {40, 1, 3}, 0.1),
           dgamma = filled(ctx, {40}, 0.1), dbeta = filled(ctx, {40}, 0.1),
           dbias = filled(ctx, {40}, 0.1);
    run(ctx, ops::ConvNormGrad{.dy = upload(ctx, c.dy, c.y_shape()),
                               .x = x,
                               .weight = upload(ctx, c.r.weight, {40, 1, 3}),
                               .bias = upload(ctx, c.r.bias, {40}),
                               .gamma = upload(ctx, c.r.gamma, {40}),
                               .mean = upload(ctx, saved.mean, {180}),
                               .rstd = upload(ctx, saved.rstd, {180}),
                               .dx = dx,
                               .dweight = dweight,
                               .dbias = dbias,
                               .dgamma = dgamma,
                               .dbeta = dbeta,
                               .groups = 20,
                               .power = true,
                               .planar = true});
    Array all = download(dx);
    for (const Tensor* sums : {&dweight, &dbias, &dgamma, &dbeta})
      for (const double value : download(*sums)) all.push_back(value);
    return all;
  });
}

TEST_CASE("conv_norm refuses what it does not fuse", "[ops][conv_norm]") {
  Context& ctx = test_context();
  const Tensor x = filled(ctx, {2, 4, 3}, 1), vector = filled(ctx, {6}, 1);
  Tensor y = poisoned(ctx, {2, 4, 6}), mean = poisoned(ctx, {8}), rstd = poisoned(ctx, {8});
  const auto error = [&](const Shape& weight, std::int64_t groups, bool power,
                         const std::string& text) {
    require_error(
        [&] {
          run(ctx, ops::ConvNorm{.x = x,
                                 .weight = filled(ctx, weight, 1),
                                 .gamma = vector,
                                 .beta = vector,
                                 .y = y,
                                 .mean = mean,
                                 .rstd = rstd,
                                 .groups = groups,
                                 .power = power});
        },
        text);
  };
  error({6, 1, 2}, 3, false, "conv_norm: weight: expected an odd number of taps up to 7, got 2");
  error({6, 1, 9}, 3, false, "conv_norm: weight: expected an odd number of taps up to 7, got 9");
  error({6, 2, 3}, 3, false, "conv_norm: weight: expected (Cout, 1, K), got (6, 2, 3)");
  error({6, 1, 3}, 2, false,
        "conv_norm: groups: expected 1 or 2 outputs each, got 2 groups of 6 outputs");
  error({6, 1, 3}, 6, false, "conv_norm: x: expected 6 channels from channel 0 on, got (2, 4, 3)");
  error({6, 1, 3}, 3, true, "conv_norm: x: expected (2, 4, 6), got (2, 4, 3)");
  error({3, 1, 3}, 3, false, "conv_norm: gamma: expected (3), got (6)");
}
