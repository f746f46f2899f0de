// What the device refuses.

#include <csetjmp>
#include <csignal>

#include "kernels/core/error.h"
#include "tests/simt/self/device_array.h"
#include "tests/simt/self/kernels.h"

using namespace orchid::simt;
using namespace orchid::simt::self;
using Catch::Matchers::Contains;

namespace {

sigjmp_buf after_fault;

void on_fault(int) {
  siglongjmp(after_fault, 1);
}

/// A fault is meant here, which the address sanitizer would see coming.
__attribute__((no_sanitize("address"))) float read_on_host(const volatile float* element) {
  return *element;
}

}  // namespace

TEST_CASE("launches beyond the limits of the device are refused", "[simt]") {
  const DeviceArray<float> x(64);
  CHECK_THROWS_WITH(nothing(dim3(1, 70000), 32), Contains("grid of (1,70000,1)"));
  CHECK_THROWS_WITH(nothing(0, 32), Contains("grid of (0,1,1)"));
  CHECK_THROWS_WITH(nothing(1, 1025), Contains("block of (1025,1,1)"));
  CHECK_THROWS_WITH(nothing(1, dim3(1, 1, 65)), Contains("block of (1,1,65)"));
  CHECK_THROWS_WITH(fill_with(x.data(), 64, 1, 1, 32, 228 * 1024), Contains("a block has 232448"));
  fill_with(x.data(), 64, 1, 1, 1024, 227 * 1024);
  CHECK(x.download()[63] == 1);
  cudaGetLastError();
}

TEST_CASE("copies are checked for their direction and range", "[simt]") {
  const DeviceArray<float> x(64);
  float host[64] = {};
  CHECK(cudaMemcpy(x.data(), host, 4, cudaMemcpyDeviceToHost) == cudaErrorInvalidMemcpyDirection);
  CHECK(cudaMemcpy(host, x.data(), 4, cudaMemcpyDeviceToDevice) == cudaErrorInvalidMemcpyDirection);
  CHECK(cudaMemcpy(x.data() + 1, host, 256, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(cudaMemset(host, 0, 4) == cudaErrorInvalidValue);
  CHECK(cudaFree(x.data() + 1) == cudaErrorInvalidValue);
  cudaGetLastError();
}

TEST_CASE("memory runs out where the device says, and comes back", "[simt]") {
  const WithOptions restored;
  options().memory = 10'000'000;
  std::size_t free = 0, total = 0;
  cudaMemGetInfo(&free, &total);
  void *block = nullptr, *more = nullptr;
  REQUIRE(cudaMalloc(&block, free) == cudaSuccess);
  CHECK(cudaMalloc(&more, 1) == cudaErrorMemoryAllocation);
  cudaGetLastError();
  CHECK(cudaFree(block) == cudaSuccess);
  CHECK(cudaMalloc(&more, 1) == cudaSuccess);
  cudaFree(more);
}

TEST_CASE("host code that touches device memory faults", "[simt]") {
  const DeviceArray<float> x(64);
  struct sigaction handler = {}, before = {};
  handler.sa_handler = on_fault;
  sigaction(SIGSEGV, &handler, &before);
  volatile bool faulted = true;
  if (sigsetjmp(after_fault, 1) == 0) {
    static_cast<void>(read_on_host(x.data()));
    faulted = false;
  }
  sigaction(SIGSEGV, &before, nullptr);
  CHECK(faulted);
}

TEST_CASE("the device describes itself", "[simt]") {
  cudaDeviceProp properties;
  REQUIRE(cudaGetDeviceProperties(&properties, 0) == cudaSuccess);
  CHECK_THAT(properties.name, Contains("host executor"));
  CHECK(properties.major == 9);
  CHECK(cudaSetDevice(1) == cudaErrorInvalidDevice);
  CHECK(std::string(cudaGetErrorName(cudaErrorInvalidValue)) == "cudaErrorInvalidValue");
  cudaGetLastError();
}
