#include "kernels/ops/sequence_conv.h"

#include <array>

#include "tests/reference/sequence_conv.h"
#include "tests/support/arrays.h"

using namespace orchid;
using namespace orchid::test;
using ops::Padding;

namespace {

struct Case {
  reference::SequenceConv n;
  Array x, weight, bias, dy;

  explicit Case(const reference::SequenceConv& sizes)
      : n(sizes),
        x(random_array(n.batch * n.length * n.inputs, 1)),
        weight(random_array(n.outputs * n.inputs / n.groups * n.taps, 2)),
        bias(random_array(n.outputs, 3)),
        dy(random_array(n.batch * n.length * n.outputs, 4)) {}

  Shape x_shape() const { return {n.batch, n.length, n.inputs}; }
  Shape y_shape() const { return {n.batch, n.length, n.outputs}; }
  Shape weight_shape() const { return {n.outputs, n.inputs / n.groups, n.taps}; }
  Padding padding() const {
    for (const Padding p : {Padding::reflect, Padding::circular, Padding::replicate})
      if (n.padding == ops::name_of(p)) return p;
    return Padding::zeros;
  }
  std::string text() const {
    return str("B=", n.batch, " S=", n.length, " Cin=", n.inputs, " Cout=", n.outputs,
               " K=", n.taps, " groups=", n.groups, " left=", n.left, " ", n.padding);
  }
};

struct Gradients {
  Array dx, dweight, dbias;
};

/// By central differences: exact up to rounding for a linear function, hence the large step.
Gradients numeric_gradients(const Case& c) {
  const auto conv = [&](const Array& x, const Array& weight, const Array& bias) {
    return reference::sequence_conv(c.n, x, weight, bias);
  };
  return {
      numeric_gradient([&](const Array& v) { return conv(v, c.weight, c.bias); }, c.x, c.dy, 0.5),
      numeric_gradient([&](const Array& v) { return conv(c.x, v, c.bias); }, c.weight, c.dy, 0.5),
      numeric_gradient([&](const Array& v) { return conv(c.x, c.weight, v); }, c.bias, c.dy, 0.5)};
}

void check_forward(const Case& c) {
  INFO(c.text());
  for_each_precision([&](Context& ctx, DType, Tolerance tolerance) {
    const Tensor x = upload(ctx, c.x, c.x_shape()), bias = upload_f(ctx, c.bias, {c.n.outputs});
    const Tensor weight = upload_f(ctx, c.weight, c.weight_shape());
    for (const bool with_bias : {true, false}) {
      Tensor y = poisoned(ctx, c.y_shape());
      run(ctx, ops::SequenceConv{.x = x,
                                 .weight = weight,
                                 .bias = with_bias ? bias : Tensor(),
                                 .y = y,
                                 .groups = c.n.groups,
                                 .left = c.n.left,
                                 .padding = c.padding()});
      check_close("y", y,
                  reference::sequence_conv(c.n, c.x, c.weight, with_bias ? c.bias : Array()),
                  tolerance);
    }
  });
}

void check_gradient(const Case& c) {
  INFO(c.text());
  const Gradients expected = numeric_gradients(c);
  for_each_precision([&](Context& ctx, DType dtype, Tolerance tolerance) {
    const Tensor x = upload(ctx, c.x, c.x_shape()), dy = upload(ctx, c.dy, c.y_shape());
    const Tensor weight = upload_f(ctx, c.weight, c.weight_shape());
    Tensor dx = poisoned(ctx, c.x_shape());
    Tensor dweight = filled_f(ctx, c.weight_shape(), 0.5),
           dbias = filled_f(ctx, {c.n.outputs}, 0.25);
    run(ctx, ops::SequenceConvGrad{.dy = dy,
                                   .x = x,
                                   .weight = weight,
                                   .dx = dx,
                                   .dweight = dweight,
                                   .dbias = dbias,
                                   .groups = c.n.groups,
                                   .left = c.n.left,
                                   .padding = c.padding()});
    check_close("dx", dx, expected.dx, tolerance);
    check_close("dweight", dweight, added_to(0.5, expected.dweight), of_sums(dtype, tolerance));
    check_close("dbias", dbias, added_to(0.25, expected.dbias), of_sums(dtype, tolerance));
  });
}

/// Channels per group in and out; groups.
struct Channels {
  long in, out, groups;
};

}  // namespace

TEST_CASE("sequence_conv equals the direct sum for every grouping and number of taps",
          "[ops][sequence_conv]") {
  const auto channels =
      GENERATE(Channels{1, 1, 1}, Channels{1, 1, 15}, Channels{1, 1, 33}, Channels{1, 1, 530},
               Channels{1, 1, 40}, Channels{1, 2, 24}, Channels{1, 2, 17}, Channels{2, 1, 17},
               Channels{2, 2, 17}, Channels{3, 5, 2}, Channels{7, 33, 1}, Channels{18, 1, 1});
  const long taps = GENERATE(1, 2, 3, 4, 5, 7), length = GENERATE(1, 2, 4, 11, 37);
  for (const long left : {0L, (taps - 1) / 2, taps - 1}) {
    const Case c({.batch = 2,
                  .length = length,
                  .inputs = channels.in * channels.groups,
                  .outputs = channels.out * channels.groups,
                  .taps = taps,
                  .groups = channels.groups,
                  .left = left});
    check_forward(c);
  }
}

TEST_CASE("sequence_conv pads as asked", "[ops][sequence_conv]") {
  const std::string padding = GENERATE("zeros", "reflect", "circular", "replicate");
  const auto channels = GENERATE(Channels{1, 1, 17}, Channels{1, 2, 3}, Channels{3, 2, 2});
  const long taps = GENERATE(3, 5), length = GENERATE(1, 2, 5, 9);
  for (const long left : {0L, (taps - 1) / 2, taps - 1}) {
    if (padding == "reflect" && length <= std::max(left, taps - 1 - left)) continue;
    const Case c({.batch = 3,
                  .length = length,
                  .inputs = channels.in * channels.groups,
                  .outputs = channels.out * channels.groups,
                  .taps = taps,
                  .groups = channels.groups,
                  .left = left,
                  .padding = padding});
    check_forward(c);
    check_gradient(c);
  }
}

TEST_CASE("sequence_conv_grad is the gradient for every grouping and number of taps",
          "[ops][sequence_conv]") {
  const auto channels =
      GENERATE(Channels{1, 1, 1}, Channels{1, 1, 18}, Channels{1, 2, 17}, Channels{2, 1, 17},
               Channels{2, 2, 16}, Channels{3, 5, 1}, Channels{1, 1, 24}, Channels{1, 2, 8});
  const long taps = GENERATE(1, 2, 3, 4, 5), length = GENERATE(1, 6, 21);
  check_gradient(Case({.batch = 2,
                       .length = length,
                       .inputs = channels.in * channels.groups,
                       .outputs = channels.out * channels.groups,
                       .taps = taps,
                       .groups = channels.groups,
                       .left = taps / 2}));
}

TEST_CASE("sequence_conv reads its columns of a wider tensor", "[ops][sequence_conv]") {
  // The second: all rows at multiples of 16 bytes, the third: all but the width.
  const auto sizes =
      GENERATE(std::array{19L, 45L, 21L}, std::array{24L, 72L, 48L}, std::array{24L, 50L, 8L});
  const long groups = sizes[0], wide = sizes[1], column = sizes[2];
  INFO(groups << " channels of " << wide << " from " << column << " on");
  const Case c({.batch = 2,
                .length = 7,
                .inputs = groups,
                .outputs = groups,
                .taps = 3,
                .groups = groups,
                .left = 2});
  Array wide_x = random_array(c.n.batch * c.n.length * wide, 9);
  for (long row = 0; row < c.n.batch * c.n.length; ++row)
    std::copy_n(c.x.begin() + row * c.n.inputs, c.n.inputs, wide_x.begin() + row * wide + column);
  const Gradients expected = numeric_gradients(c);
  for_each_precision([&](Context& ctx, DType dtype, Tolerance tolerance) {
    const Tensor x = upload(ctx, wide_x, {c.n.batch, c.n.length, wide});
    const Tensor weight = upload_f(ctx, c.weight, c.weight_shape());
    const Tensor dy = upload(ctx, c.dy, c.y_shape());
    Tensor y = poisoned(ctx, c.y_shape()), dx = poisoned(ctx, c.x_shape());
    run(ctx, ops::SequenceConv{.x = x,
                               .weight = weight,
                               .bias = {},
                               .y = y,
                               .groups = c.n.groups,
                               .left = 2,
                               .x_column = column});
    check_close("y", y, reference::sequence_conv(c.n, c.x, c.weight, {}), tolerance);
    Tensor dweight = filled_f(ctx, c.weight_shape(), -1);
    run(ctx, ops::SequenceConvGrad{.dy = dy,
                                   .x = x,
                                   .weight = weight,
                                   .dx = dx,
                                   .dweight = dweight,
                                   .dbias = {},
                                   .groups = c.n.groups,
                                   .left = 2,
                                   .x_column = column});
    check_close("dx", dx, expected.dx, tolerance);
    check_close("dweight", dweight, added_to(-1, expected.dweight), of_sums(dtype, tolerance));
  });
}

TEST_CASE("sequence_conv_grad sums many rows exactly the same with any number of threads",
          "[ops][sequence_conv]") {
  const auto sizes = GENERATE(std::array{40L, 5L, 301L}, std::array{4L, 3L, 6000L});
  const long groups = sizes[0], batch = sizes[1], length = sizes[2];
  const Array x = random_array(batch * length * groups, 1);
  const Array dy = random_array(batch * length * groups * 2, 2);
  const Array weight = random_array(groups * 2 * 3, 3);
  // One sum of the gradient, the middle tap of output 5, written out.
  double expected = 0;
  for (long row = 0; row < batch * length; ++row)
    expected += dy[static_cast<std::size_t>(row * groups * 2 + 5)] *
                x[static_cast<std::size_t>(row * groups + 2)];
  check_same_for_any_threads([&](Context& ctx) {
    const Tensor tx = upload(ctx, x, {batch, length, groups});
    const Tensor tdy = upload(ctx, dy, {batch, length, groups * 2});
    const Tensor tweight = upload(ctx, weight, {groups * 2, 1, 3});
    Tensor dx = poisoned(ctx, {batch, length, groups}), dbias = filled(ctx, {groups * 2}, 0);
    Tensor dweight = filled(ctx, {groups * 2, 1, 3}, 0);
    run(ctx, ops::SequenceConvGrad{.dy = tdy,
                                   .x = tx,
                                   .weight = tweight,
                                   .dx = dx,
                                   .dweight = dweight,
                                   .dbias = dbias,
                                   .groups = groups,
                                   .left = 1});
    Array results = download(dweight);
    CHECK(results[5 * 3 + 1] == Approx(expected).epsilon(1e-5));
    for (const Tensor& tensor : {dbias, dx})
      for (const double value : download(tensor)) results.push_back(value);
    return results;
  });
}

TEST_CASE("sequence_conv says what is wrong with its operands", "[ops][sequence_conv]") {
  Context& ctx = test_context();
  const auto convolve = [&](const Shape& x_shape, const Shape& weight_shape, std::int64_t groups,
                            std::int64_t left, Padding padding) {
    const Tensor x = ctx.zeros(x_shape), weight = ctx.zeros(weight_shape);
    Tensor y = ctx.empty({x_shape[0], x_shape[1], weight_shape[0]});
    run(ctx, ops::SequenceConv{.x = x,
                               .weight = weight,
                               .bias = {},
                               .y = y,
                               .groups = groups,
                               .left = left,
                               .padding = padding});
  };
  require_error(
      [&] {
        convolve({1, 4, 6}, {6, 1, 3}, 6, 3, Padding::zeros);
      },
      "sequence_conv: left: expected 0 to 2, got 3");
  require_error(
      [&] {
        convolve({1, 4, 6}, {7, 1, 3}, 6, 1, Padding::zeros);
      },
      "sequence_conv: groups: expected a divisor of the 7 outputs, got 6");
  require_error(
      [&] {
        convolve({1, 4, 5}, {6, 1, 3}, 6, 1, Padding::zeros);
      },
      "sequence_conv: x: expected 6 channels from channel 0 on, got (1, 4, 5)");
  require_error(
      [&] {
        convolve({1, 2, 6}, {6, 1, 5}, 6, 2, Padding::reflect);
      },
      "sequence_conv: x: reflection by 2 needs a longer sequence than 2");
  const Tensor x = filled(ctx, {1, 4, 6}, 1),
               weight = upload_i32(ctx, std::vector<int>(6), {6, 1, 1});
  Tensor y = poisoned(ctx, {1, 4, 6});
  require_error(
      [&] {
        run(ctx, ops::SequenceConv{.x = x, .weight = weight, .bias = {}, .y = y, .groups = 6});
      },
      "sequence_conv: weight: expected f32, got i32");
}
