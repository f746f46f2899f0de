// Right kernels give right results in every order, and the checker finds nothing in them.

#include <bit>
#include <numeric>

#include "tests/simt/self/device_array.h"
#include "tests/simt/self/kernels.h"

using namespace orchid::simt;
using namespace orchid::simt::self;

namespace {

/// Runs `body` in each order of threads and blocks.
template <class Body>
void in_every_order(const Body& body) {
  const WithOptions restored;
  for (const Order order : {Order::forward, Order::reverse, Order::random, Order::random}) {
    options().order = order;
    options().seed += 1;
    INFO("order " << static_cast<int>(order) << " seed " << options().seed);
    body();
    CHECK(failure_text() == "");
  }
}

}  // namespace

TEST_CASE("a transpose of any shape", "[simt]") {
  const int rows = GENERATE(1, 32, 70), columns = GENERATE(33, 95);
  const auto n = static_cast<std::size_t>(rows * columns);
  in_every_order([&] {
    const DeviceArray<float> x(ramp(n)), y(n);
    transpose(x.data(), y.data(), rows, columns);
    const std::vector<float> got = y.download();
    for (int r = 0; r < rows; ++r)
      for (int c = 0; c < columns; ++c)
        REQUIRE(got[static_cast<std::size_t>(c * rows + r)] == static_cast<float>(r * columns + c));
  });
}

TEST_CASE("sums by shuffles and shared memory, in blocks of any number of warps", "[simt]") {
  const int block = GENERATE(32, 96, 256, 1024);
  in_every_order([&] {
    const DeviceArray<float> x(ramp(5 * 77)), sums(5);
    row_sums(x.data(), sums.data(), 5, 77, block);
    const std::vector<float> got = sums.download();
    for (std::size_t r = 0; r < 5; ++r) CHECK(got[r] == 77 * 38 + 77 * 77 * static_cast<float>(r));
  });
}

TEST_CASE("the last block adds up what the others left, after a fence", "[simt]") {
  in_every_order([] {
    const DeviceArray<float> x(ramp(3000)), partial(7), sum(1);
    const DeviceArray<unsigned> done(std::vector<unsigned>{0});
    last_block_sum(x.data(), partial.data(), done.data(), sum.data(), 3000);
    CHECK(sum.download()[0] == 3000 * 2999 / 2);
    CHECK(done.download()[0] == 0);
  });
}

TEST_CASE("votes, shuffles of parts of a warp, threads that end early", "[simt]") {
  in_every_order([] {
    const DeviceArray<int> out(160);
    warp_corners(out.data());
    const std::vector<int> got = out.download();
    CHECK(got[3] == 120);
    CHECK(got[20] == 31);
    CHECK(got[32 + 7] == 8 + 100 * 5);
    CHECK(got[32 + 31] == 31 + 100 * 29);
    CHECK(got[32 + 1] == 2 + 100 * 1);
    CHECK(got[64 + 9] == 16 + 100 + 10000 + 800000);
    CHECK(got[96 + 15] == 0xaaaa);
    CHECK(got[112 + 47] == 50 + 1000);
  });
}

TEST_CASE("asynchronous copies land at their wait", "[simt]") {
  in_every_order([] {
    const DeviceArray<float> x(ramp(5 * 256)), y(5 * 256);
    pipelined_twice(x.data(), y.data(), 5 * 256);
    const std::vector<float> got = y.download();
    for (std::size_t i = 0; i < got.size(); ++i)
      REQUIRE(got[i] == 2 * static_cast<float>(i / 256 * 256 + 255 - i % 256));
  });
}

TEST_CASE("bf16 in vectors and one by one", "[simt]") {
  const int n = GENERATE(8, 21, 300);
  in_every_order([&] {
    const auto count = static_cast<std::size_t>(n);
    const DeviceArray<float> x(ramp(count));
    const DeviceArray<std::uint16_t> y(count);
    fold_bf16(x.data(), y.data(), n);
    for (const std::uint16_t bits : y.download()) {  // all are n - 1
      const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
      REQUIRE(value == Approx(n - 1).epsilon(0.004));
    }
  });
}

TEST_CASE("__syncwarp orders shared memory within a warp", "[simt]") {
  in_every_order([] {
    const DeviceArray<float> x(ramp(64)), y(64);
    neighbours(x.data(), y.data());
    CHECK(y.download()[10] == 11);
  });
}

TEST_CASE("a thread may wait for another that sets a flag", "[simt]") {
  in_every_order([] {
    const DeviceArray<int> flag(std::vector<int>{0});
    spin_until_set(flag.data());
    CHECK(flag.download()[0] == 1);
  });
}

TEST_CASE("vectors of 16 bytes", "[simt]") {
  in_every_order([] {
    const DeviceArray<float> x(ramp(256)), y(256);
    copy_vectors(x.data(), y.data(), 64, 4);
    CHECK(y.download() == ramp(256, 1));
  });
}
