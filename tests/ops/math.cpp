#include "kernels/cpu/math.h"

#include "tests/support/op_check.h"

using namespace orchid;
using namespace orchid::test;
namespace math = orchid::cpu::math;

namespace {

/// 100,000 floats in [low, high), half of them crowding towards 0.
std::vector<float> arguments(double low, double high) {
  std::vector<float> x;
  const Philox philox(1, RandomPurpose::test);
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    const double value = low + (high - low) * philox.uniform(0, i);
    x.push_back(static_cast<float>(i % 2 ? value : value * std::exp(-12 * philox.uniform(1, i))));
  }
  return x;
}

/// Largest |got - expected|, relative to |expected| where `relative`; NaN stays.
template <class Got, class Expected>
double worst_error(double low, double high, bool relative, const Got& got,
                   const Expected& expected) {
  double worst = 0;
  for (const float x : arguments(low, high)) {
    const double right = expected(static_cast<double>(x));
    const double error = std::abs(static_cast<double>(got(x)) - right);
    const double measured = relative && right != 0 ? error / std::abs(right) : error;
    worst = measured <= worst ? worst : measured;
  }
  return worst;
}

}  // namespace

TEST_CASE("float functions stay within a few roundings of the value", "[ops][math]") {
  const auto relative = [](double low, double high, auto got, auto expected) {
    return worst_error(low, high, true, got, expected);
  };
  CHECK(relative(
            -87, 88.7, [](float x) { return math::exp(x); }, [](double x) { return std::exp(x); }) <
        3e-7);
  CHECK(relative(
            -20, 80, [](float x) { return math::expm1(x); },
            [](double x) { return std::expm1(x); }) < 3e-7);
  CHECK(relative(
            0, 1, [](float x) { return math::log1p(x); }, [](double x) { return std::log1p(x); }) <
        3e-7);
  CHECK(relative(
            -12, 12, [](float x) { return math::tanh(x); }, [](double x) { return std::tanh(x); }) <
        3e-7);
  CHECK(relative(
            -6, 6, [](float x) { return math::erf(x); }, [](double x) { return std::erf(x); }) <
        4e-7);
  CHECK(relative(
            -80, 80, [](float x) { return math::sigmoid(x); },
            [](double x) { return 1 / (1 + std::exp(-x)); }) < 3e-7);
}

TEST_CASE("float sine and cosine stay within 1.5e-7 up to 10,000", "[ops][math]") {
  for (const double reach : {4.0, 100.0, 10'000.0}) {
    INFO("|x| < " << reach);
    CHECK(worst_error(
              -reach, reach, false, [](float x) { return math::sin(x); },
              [](double x) { return std::sin(x); }) < 1.5e-7);
    CHECK(worst_error(
              -reach, reach, false, [](float x) { return math::cos(x); },
              [](double x) { return std::cos(x); }) < 1.5e-7);
  }
}

TEST_CASE("float functions meet the limits of the C library's", "[ops][math]") {
  const float infinity = INFINITY;
  CHECK(math::exp(-infinity) == 0);
  CHECK(math::exp(infinity) == infinity);
  CHECK(math::exp(100.0f) == infinity);
  CHECK(math::exp(-110.0f) == 0);
  CHECK(math::exp(-100.0f) == Approx(3.783506e-44).epsilon(0.02));  // 27 units of the smallest
  CHECK(math::exp(0.0f) == 1);
  CHECK(math::erf(infinity) == 1);
  CHECK(math::erf(-infinity) == -1);
  CHECK(math::tanh(infinity) == 1);
  CHECK(std::signbit(math::tanh(-0.0f)));
  CHECK(math::sigmoid(-infinity) == 0);
  CHECK(math::sin(0.0f) == 0);
  CHECK(math::cos(0.0f) == Approx(1).epsilon(1.5e-7));
  CHECK(std::isnan(math::exp(NAN)));
  CHECK(std::isnan(math::erf(NAN)));
  CHECK(std::isnan(math::tanh(NAN)));
  CHECK(std::isnan(math::sin(NAN)));
  CHECK(std::isnan(math::cos(infinity)));
}
