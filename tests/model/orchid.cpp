#include "model/mixers/orchid.h"

#include "tests/model/gradients.h"
#include "tests/model/orchid_mixers.h"

using namespace orchid;
using namespace orchid::test;
using namespace orchid::model;

namespace {

/// A mixer in float64 with its operator initialisation; LayerNorm scales moved off their 1 and 0.
struct Fixture {
  Fixture(const OrchidMixerConfig& config, std::int64_t width, std::int64_t length,
          DType dtype = DType::f64)
      : ctx({}, dtype, 2), mixer(Init(ctx, 3, LinearInit::uniform), config, width, length) {
    allocate_gradients(ctx, mixer);
  }

  Tensor forward(const Tensor& x, const Tensor& mask = {}) {
    Tape tape(0, 0);
    return mixer.forward(ctx, x, mask, tape);
  }

  /// The mixer's Parameter called `path`.
  Tensor parameter(const std::string& path) {
    Tensor found;
    mixer.visit("", {[&](const std::string& name, Parameter& p) {
                       if (name == path) found = p.value;
                     },
                     nullptr});
    REQUIRE(found.defined());
    return found;
  }

  Context ctx;
  OrchidMixer mixer;
};

/// (B, L, D) rolled by `shift` along L.
Array roll(const Array& x, std::int64_t batch, std::int64_t length, std::int64_t width,
           std::int64_t shift) {
  Array y(x.size());
  for (std::int64_t b = 0; b < batch; ++b)
    for (std::int64_t t = 0; t < length; ++t)
      for (std::int64_t d = 0; d < width; ++d)
        y[static_cast<std::size_t>((b * length + (t + shift) % length) * width + d)] =
            x[static_cast<std::size_t>((b * length + t) * width + d)];
  return y;
}

/// Largest violation of f(roll(x)) = roll(f(x)) over three shifts, relative to the largest output.
double shift_violation(const OrchidMixerConfig& config, std::int64_t length = 24) {
  const std::int64_t batch = 2, width = 6;
  Fixture fixture(config, width, length);
  const Shape shape{batch, length, width};
  const Array x = random_array(shape.count(), 5);
  const Array y = download(fixture.forward(upload(fixture.ctx, x, shape)));
  double largest = 0, worst = 0;
  for (const double value : y) largest = std::max(largest, std::abs(value));
  for (const std::int64_t shift : {1, 5, 12}) {
    const Array shifted =
        download(fixture.forward(upload(fixture.ctx, roll(x, batch, length, width, shift), shape)));
    const Array expected = roll(y, batch, length, width, shift);
    for (std::size_t i = 0; i < y.size(); ++i)
      worst = std::max(worst, std::abs(shifted[i] - expected[i]));
  }
  return worst / largest;
}

OrchidMixerConfig equivariant() {
  OrchidMixerConfig config;
  config.transform = ops::TransformKind::fft_ortho;
  config.short_conv = 1;
  config.padding = ops::Padding::circular;
  config.filter.width = 16;
  return config;
}

}  // namespace

TEST_CASE("orchid: gradients of every option equal central differences", "[model][orchid]") {
  for (const MixerCase& c : mixer_cases()) {
    INFO(c.name);
    validate(c.config, c.length);
    Fixture fixture(c.config, c.width, c.length);
    const Shape shape{2, c.length, c.width};
    Tensor x = upload(fixture.ctx, random_array(shape.count(), 1), shape);
    const Array g = random_array(shape.count(), 2);
    const Tensor dy = upload(fixture.ctx, g, shape);
    Tape tape(0, 0);
    fixture.mixer.forward(fixture.ctx, x, {}, tape);
    const Tensor dx = fixture.mixer.backward(fixture.ctx, dy, tape);
    CHECK(tape.empty());
    const auto loss = [&] { return dot(fixture.forward(x), g); };
    check_all_gradients(fixture.mixer, loss, 24);
    check_gradient("x", x, dx, loss, 0, 24);
  }
}

TEST_CASE("orchid: circular shifts of the input shift the output where they should",
          "[model][orchid]") {
  OrchidMixerConfig config = equivariant();
  SECTION("phase, all conditionings and norms") {
    for (const Conditioning conditioning : {Conditioning::tf, Conditioning::t, Conditioning::f})
      for (const ConditioningNorm norm :
           {ConditioningNorm::layer, ConditioningNorm::batch, ConditioningNorm::none}) {
        config.conditioning = conditioning;
        config.norm = norm;
        config.conditioning_layers = 2;
        INFO(enum_name(conditioning) << " " << enum_name(norm));
        CHECK(shift_violation(config) < 1e-12);
      }
  }
  SECTION("phase, 1/N scaling, odd length") {
    config.transform = ops::TransformKind::fft;
    CHECK(shift_violation(config, 25) < 1e-12);
  }
  SECTION("correlation, phase-covariant sigma") {
    config.kernel = Kernel::correlation;
    for (const Conditioning conditioning : {Conditioning::tf, Conditioning::t})
      for (const char* sigma : {"identity", "tanh_abs"}) {
        config.conditioning = conditioning;
        config.sigma = sigma;
        CHECK(shift_violation(config) < 1e-12);
      }
  }
  SECTION("zero padding does no harm where no taps reach over the edge") {
    config.padding = ops::Padding::zeros;
    config.conditioning_width = 1;
    CHECK(shift_violation(config) < 1e-12);
    config.conditioning_width = 3;
    config.conditioning = Conditioning::f;
    CHECK(shift_violation(config) < 1e-12);
  }
}

TEST_CASE("orchid: circular shifts are not followed where they cannot be", "[model][orchid]") {
  OrchidMixerConfig config = equivariant();
  SECTION("frequency kernels") {
    config.kernel = Kernel::frequency;
  }
  SECTION("cosine transforms") {
    config.transform = ops::TransformKind::dct_ortho;
  }
  SECTION("zero padding") {
    config.padding = ops::Padding::zeros;
  }
  SECTION("the causal short convolution") {
    config.short_conv = 3;
  }
  SECTION("time kernels") {
    config.kernel_domain = KernelDomain::time;
  }
  SECTION("tanh on real and imaginary part") {
    config.kernel = Kernel::correlation;
    config.sigma = "tanh";
  }
  CHECK(shift_violation(config) > 1e-3);
}

TEST_CASE("orchid: a sample's output does not depend on its batch", "[model][orchid]") {
  for (const MixerCase& c : mixer_cases()) {
    if (c.config.norm == ConditioningNorm::batch) continue;
    INFO(c.name);
    Fixture fixture(c.config, c.width, c.length);
    const std::int64_t one = c.length * c.width;
    const Array x = random_array(3 * one, 4);
    const Array all = download(fixture.forward(upload(fixture.ctx, x, {3, c.length, c.width})));
    for (std::int64_t b = 0; b < 3; ++b) {
      const Array row(x.begin() + b * one, x.begin() + (b + 1) * one);
      const Array alone =
          download(fixture.forward(upload(fixture.ctx, row, {1, c.length, c.width})));
      CHECK(std::equal(alone.begin(), alone.end(), all.begin() + b * one));
    }
  }
}

TEST_CASE("orchid: sequences may be shorter than the table", "[model][orchid]") {
  OrchidMixerConfig config;
  config.table_length = 12;
  for (const ops::TransformKind kind : {ops::TransformKind::fft, ops::TransformKind::dct_ortho}) {
    config.transform = kind;
    Fixture fixture(config, 4, 12);
    for (std::int64_t length = 1; length <= 12; ++length) {
      const Shape shape{1, length, 4};
      const Tensor y = fixture.forward(upload(fixture.ctx, random_array(shape.count(), 9), shape));
      CHECK(y.shape() == shape);
      for (const double value : download(y)) CHECK(std::isfinite(value));
    }
    const Shape longer{1, 13, 4};
    const Tensor x = upload(fixture.ctx, random_array(longer.count(), 9), longer);
    require_error([&] { fixture.forward(x); }, "at most 12 positions");
  }
}

TEST_CASE("orchid: the projection's blocks play the parts of the definition", "[model][orchid]") {
  OrchidMixerConfig config;
  config.filter.width = 8;
  const std::int64_t width = 4, length = 10;
  const Shape shape{1, length, width};
  const Array x = random_array(shape.count(), 3);
  const auto output_without = [&](std::int64_t block, bool residual) {
    config.residual_convolution = residual;
    Fixture fixture(config, width, length);
    Tensor weight = fixture.parameter("in_linear.weight"),
           bias = fixture.parameter("in_linear.bias");
    Tensor short_bias = fixture.parameter("conv1d_short.bias");
    if (block >= 0) {
      std::fill_n(weight.data<double>() + block * width * width, width * width, 0.0);
      std::fill_n(bias.data<double>() + block * width, width, 0.0);
      std::fill_n(short_bias.data<double>() + block * width, width, 0.0);
    }
    return download(fixture.forward(upload(fixture.ctx, x, shape)));
  };
  const Array bias_alone = [&] {
    config.residual_convolution = false;
    Fixture fixture(config, width, length);
    const Array bias = download(fixture.parameter("out_linear.bias"));
    Array y;
    for (std::int64_t t = 0; t < length; ++t) y.insert(y.end(), bias.begin(), bias.end());
    return y;
  }();
  for (const std::int64_t block : {0, 1, 2})
    check_close(str("block ", block, " zero"), output_without(block, false), bias_alone, kF64);
  check_close("residual branch alone", output_without(0, true), output_without(2, true), kF64);
  CHECK(output_without(0, true) != bias_alone);
  CHECK(output_without(-1, false) != bias_alone);
}

TEST_CASE("orchid: a linear convolution with a static kernel is causal", "[model][orchid]") {
  OrchidMixerConfig config;
  config.transform = ops::TransformKind::fft_ortho;
  config.norm = ConditioningNorm::none;
  const std::int64_t width = 3, length = 9, changed = 5;
  for (const Convolution convolution : {Convolution::linear, Convolution::circular}) {
    config.convolution = convolution;
    Fixture fixture(config, width, length);
    for (const char* path : {"conv_kernel_nn.nn_model2.conv1d_ls.0.weight",
                             "conv_kernel_nn.nn_model2.conv1d_ls.0.bias"}) {
      Tensor zero = fixture.parameter(path);
      std::fill_n(zero.data<double>(), zero.count(), 0.0);
    }
    Array x = random_array(length * width, 1);
    const Array before = download(fixture.forward(upload(fixture.ctx, x, {1, length, width})));
    for (std::size_t i = changed * width; i < x.size(); ++i) x[i] += 1;
    const Array after = download(fixture.forward(upload(fixture.ctx, x, {1, length, width})));
    double earlier = 0, later = 0;
    for (std::size_t i = 0; i < x.size(); ++i)
      (i < changed * width ? earlier : later) += std::abs(after[i] - before[i]);
    INFO(enum_name(convolution));
    CHECK(later > 0.1);
    if (convolution == Convolution::linear) {
      CHECK(earlier < 1e-12);
    } else {
      CHECK(earlier > 1e-3);
    }
  }
}

TEST_CASE("orchid: mask_padding hides what stands at padding positions", "[model][orchid]") {
  OrchidMixerConfig config;
  config.mask_padding = true;
  const std::int64_t width = 3, length = 8, real = 5;
  Fixture fixture(config, width, length);
  std::vector<std::int32_t> ones(static_cast<std::size_t>(length), 0);
  std::fill_n(ones.begin(), real, 1);
  const Tensor mask = upload(fixture.ctx, ones, {1, length}, DType::u8);
  Array x = random_array(length * width, 1);
  const Array first = download(fixture.forward(upload(fixture.ctx, x, {1, length, width}), mask));
  for (std::size_t i = real * width; i < x.size(); ++i) x[i] = 7;
  const Array second = download(fixture.forward(upload(fixture.ctx, x, {1, length, width}), mask));
  CHECK(first == second);
  for (std::size_t i = real * width; i < x.size(); ++i) CHECK(second[i] == 0);
}
