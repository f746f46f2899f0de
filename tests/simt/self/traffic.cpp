// Bank conflicts and sectors per line of source.

#include "tests/simt/self/device_array.h"
#include "tests/simt/self/kernels.h"

using namespace orchid::simt;
using namespace orchid::simt::self;

namespace {

/// Cost over ideal of all accesses of one kind.
double excess(const std::vector<Traffic>& traffic, bool shared, bool store) {
  double cost = 0, ideal = 0;
  for (const Traffic& line : traffic) {
    if (line.shared != shared || line.store != store) continue;
    cost += static_cast<double>(line.cost);
    ideal += static_cast<double>(line.ideal);
  }
  return cost / ideal;
}

std::vector<Traffic> traffic_of_transpose(bool padded, bool scattered) {
  const DeviceArray<float> x(ramp(64 * 64)), y(64 * 64);
  transpose(x.data(), y.data(), 64, 64, padded, scattered);
  return traffic_of("right_kernels.cu");
}

}  // namespace

TEST_CASE("a column of an unpadded tile costs 32 cycles, of a padded one 1", "[simt]") {
  if (!checker) return;
  const WithOptions restored;
  options().count_traffic = true;
  const auto good = traffic_of_transpose(true, false);
  CHECK(excess(good, true, true) == 1);
  CHECK(excess(good, true, false) == 1);
  CHECK(excess(good, false, true) == 1);
  CHECK(excess(good, false, false) == 1);
  CHECK(excess(traffic_of_transpose(false, false), true, false) == 32);
  CHECK(excess(traffic_of_transpose(true, true), false, true) == 8);  // 32 sectors for 4
}

TEST_CASE("accesses of 16 bytes are counted as such", "[simt]") {
  if (!checker) return;
  const WithOptions restored;
  options().count_traffic = true;
  const DeviceArray<float> x(ramp(1024)), y(1024);
  copy_vectors(x.data(), y.data(), 32, 4);
  const auto dense = traffic_of("right_kernels.cu");
  REQUIRE(dense.size() == 2);
  for (const Traffic& line : dense) {
    CHECK(line.bytes == 16);
    CHECK(line.requests == 1);
    CHECK(line.cost == 16);
    CHECK(line.ideal == 16);
  }
  copy_vectors(x.data(), y.data(), 32, 32);
  CHECK(excess(traffic_of("right_kernels.cu"), false, false) == 2);
}
