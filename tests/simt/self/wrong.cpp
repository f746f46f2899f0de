// Wrong kernels are caught, each for what it does.

#include "tests/simt/self/device_array.h"
#include "tests/simt/self/kernels.h"

using namespace orchid::simt;
using namespace orchid::simt::self;
using Catch::Matchers::Contains;

TEST_CASE("each wrong kernel fails with what is wrong and where", "[simt]") {
  const WithOptions restored;
  for (const Wrong& wrong : wrong_kernels()) {
    if (wrong.needs_checker && !checker) continue;
    for (const Order order : {Order::forward, Order::reverse, Order::random}) {
      options().order = order;
      INFO(wrong.name << ", order " << static_cast<int>(order));
      const DeviceArray<float> x(ramp(4096)), empty(64), y(4096);
      const DeviceArray<unsigned> counter(std::vector<unsigned>{0});
      REQUIRE(cudaMemset(y.data(), 0, y.bytes()) == cudaSuccess);
      run_wrong(wrong.name, x.data(), empty.data(), y.data(), counter.data());
      const cudaError_t error = cudaDeviceSynchronize();
      CHECK(error == cudaErrorLaunchFailure);
      CHECK_THAT(cudaGetErrorString(error), Contains(wrong.finding));
      CHECK_THAT(cudaGetErrorString(error), Contains("kernel orchid::simt::self"));
      if (wrong.finding != "spin without end")
        CHECK_THAT(cudaGetErrorString(error), Contains(".cu:") || Contains("no room"));
      // Nothing runs any more until the failure is forgotten.
      CHECK(cudaMemset(y.data(), 0, 4) == cudaErrorLaunchFailure);
      CHECK(cudaGetLastError() == cudaErrorLaunchFailure);
      CHECK(cudaGetLastError() == cudaErrorLaunchFailure);
      CHECK_FALSE(clear_failure());
      CHECK(cudaGetLastError() == cudaSuccess);
    }
  }
}

TEST_CASE("a block that a pool has back is nobody's until it is given out anew", "[simt]") {
  const DeviceArray<float> x(ramp(4096)), y(4096);
  retire_block(x.data(), nullptr);
  if (checker) {
    run_wrong("uninitialised global memory", nullptr, x.data(), y.data(), nullptr);
    CHECK_THAT(failure_text(), Contains("out of bounds"));
    clear_failure();
  }
  REQUIRE(renew_block(x.data(), 64 * sizeof(float), nullptr) == cudaSuccess);
  fill(x.data(), 64, 3, nullptr);
  std::vector<float> got(64);
  REQUIRE(cudaMemcpy(got.data(), x.data(), 256, cudaMemcpyDeviceToHost) == cudaSuccess);
  CHECK(got[63] == 3);
}

TEST_CASE("a failure says what both threads did", "[simt]") {
  if (!checker) return;
  const DeviceArray<float> x(ramp(4096)), y(4096);
  run_wrong("no barrier", x.data(), nullptr, y.data(), nullptr);
  CHECK_THAT(failure_text(),
             Contains("race at wrong_kernels.cu:") &&
                 Contains("write of shared memory by block (0,0,0) thread (32,0,0) is not ordered "
                          "after the read by block (0,0,0) thread (31,0,0) at wrong_kernels.cu:"));
  CHECK(clear_failure());  // no call had returned it
}

TEST_CASE("a block that a pool gives out anew is undefined, and no larger than asked", "[simt]") {
  const DeviceArray<float> x(ramp(100)), y(100);
  REQUIRE(renew_block(x.data(), 64 * sizeof(float), nullptr) == cudaSuccess);
  const std::vector<float> poison = DeviceArray<float>(64).download();
  std::vector<float> got(64);
  REQUIRE(cudaMemcpy(got.data(), x.data(), 256, cudaMemcpyDeviceToHost) == cudaSuccess);
  CHECK(got[63] != got[63]);  // NaN
  REQUIRE(cudaMemcpy(got.data(), x.data() + 1, 256, cudaMemcpyDeviceToHost) ==
          cudaErrorLaunchFailure);
  CHECK_THAT(failure_text(), Contains("beyond the end of a block"));
  clear_failure();
  CHECK(renew_block(x.data(), 101 * sizeof(float), nullptr) == cudaSuccess);
  CHECK(cudaDeviceSynchronize() == cudaErrorLaunchFailure);
  clear_failure();
  if (!checker) return;
  run_wrong("uninitialised global memory", nullptr, x.data(), y.data(), nullptr);
  CHECK_THAT(failure_text(), Contains("uninitialised"));
  clear_failure();
}
