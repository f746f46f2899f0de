// Loads and products of matrices by the lanes of a warp, against sums in double.

#include <bit>
#include <cmath>
#include <random>

#include "tests/simt/self/device_array.h"
#include "tests/simt/self/kernels.h"

using namespace orchid::simt;
using namespace orchid::simt::self;

namespace {

/// Random bf16 in [-1, 1), as bits.
std::vector<std::uint16_t> random_halves(std::size_t count, unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<std::uint16_t> values(count);
  for (std::uint16_t& value : values) {
    const float uniform = static_cast<float>(random() % 2048) / 1024 - 1;
    value = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(uniform) >> 16);
  }
  return values;
}

double value_of(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

}  // namespace

TEST_CASE("a warp loads matrices as they are and transposed", "[simt]") {
  const bool transposed = GENERATE(false, true);
  std::vector<std::uint16_t> x(4 * 8 * 8);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<std::uint16_t>(3 * i + 1);
  const DeviceArray<std::uint16_t> values(x);
  const DeviceArray<std::uint32_t> words(32 * 4);
  load_matrix_words(values.data(), words.data(), transposed);
  const std::vector<std::uint32_t> got = words.download();
  for (std::size_t lane = 0; lane < 32; ++lane)
    for (std::size_t m = 0; m < 4; ++m) {
      const std::size_t g = lane / 4, t = lane % 4;
      const std::size_t first = m * 64 + (transposed ? 2 * t * 8 + g : g * 8 + 2 * t);
      INFO("lane " << lane << " matrix " << m);
      REQUIRE((got[lane * 4 + m] & 0xffff) == x[first]);
      REQUIRE(got[lane * 4 + m] >> 16 == x[first + (transposed ? 8 : 1)]);
    }
}

TEST_CASE("a warp multiplies matrices", "[simt]") {
  const std::vector<std::uint16_t> a = random_halves(16 * 16, 1), b = random_halves(16 * 8, 2);
  const std::vector<float> before = ramp(16 * 8, -1, 0.015625f);
  const WithOptions restored;
  for (const Order order : {Order::forward, Order::reverse, Order::random}) {
    options().order = order;
    const DeviceArray<std::uint16_t> left(a), right(b);
    const DeviceArray<float> d(before);
    multiply_matrices(left.data(), right.data(), d.data());
    const std::vector<float> got = d.download();
    for (std::size_t i = 0; i < 16; ++i)
      for (std::size_t j = 0; j < 8; ++j) {
        double sum = static_cast<double>(before[i * 8 + j]);
        for (std::size_t k = 0; k < 16; ++k)
          sum += value_of(a[i * 16 + k]) * value_of(b[k * 8 + j]);
        INFO("row " << i << " column " << j);
        REQUIRE(std::abs(static_cast<double>(got[i * 8 + j]) - sum) <= 1e-6);
        // Towards zero, as tensor cores round.
        REQUIRE(std::abs(static_cast<double>(got[i * 8 + j])) <= std::abs(sum));
      }
  }
}

TEST_CASE("rows of matrices an odd number of packs apart have no bank conflicts", "[simt]") {
  if (!checker) return;
  const WithOptions restored;
  options().count_traffic = true;
  const DeviceArray<std::uint32_t> words(32);
  const auto cost_of_loads = [&](bool padded) {
    load_far_matrix_rows(words.data(), padded);
    CHECK(words.download()[0] == 1 + 1 + 1 + 1);
    double cost = 0, ideal = 0;
    for (const Traffic& line : traffic_of("matrix_kernels.cu")) {
      if (!line.shared || line.store) continue;
      CHECK(line.bytes == 16);
      cost += static_cast<double>(line.cost);
      ideal += static_cast<double>(line.ideal);
    }
    return cost / ideal;
  };
  CHECK(cost_of_loads(true) == 1);
  CHECK(cost_of_loads(false) == 8);
}
