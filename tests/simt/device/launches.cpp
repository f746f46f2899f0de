// Kernel launches: the limits of the device, then into the stream.

#include <algorithm>
#include <map>
#include <string>

#include <cuda_runtime_api.h>

#include "tests/simt/checker.h"
#include "tests/simt/device/error.h"
#include "tests/simt/device/limits.h"
#include "tests/simt/device/lock.h"
#include "tests/simt/device/memory.h"
#include "tests/simt/device/stream.h"
#include "tests/simt/executor/grid.h"
#include "tests/simt/launch.h"
#include "tests/simt/symbols.h"

namespace orchid::simt {
namespace {

/// Dynamic shared memory that cudaFuncSetAttribute allowed.
std::map<const void*, int>& allowed_shared() {
  static std::map<const void*, int> allowed;
  return allowed;
}

std::string print(dim3 d) {
  return "(" + std::to_string(d.x) + "," + std::to_string(d.y) + "," + std::to_string(d.z) + ")";
}

/// What is wrong with the sizes, empty if nothing.
std::string size_fault(const Launch& launch) {
  const dim3 block = launch.block, grid = launch.grid;
  const auto threads = static_cast<std::uint64_t>(block.x) * block.y * block.z;
  if (threads == 0 || threads > Limits::kThreadsPerBlock || block.x > Limits::kMostBlockXY ||
      block.y > Limits::kMostBlockXY || block.z > Limits::kMostBlockZ)
    return "a block of " + print(block) + " threads";
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > Limits::kMostGridX ||
      grid.y > Limits::kMostGridYZ || grid.z > Limits::kMostGridYZ)
    return "a grid of " + print(grid) + " blocks";
  return "";
}

}  // namespace

cudaError_t enqueue_launch(Launch launch, cudaStream_t stream) {
  const Lock lock;
  if (const cudaError_t error = can_enqueue(stream)) return error;
  const std::string fault = size_fault(launch);
  if (!fault.empty())
    return report(cudaErrorInvalidConfiguration, function_name(launch.kernel) + ": " + fault);
  const auto found = allowed_shared().find(launch.kernel);
  const int allowed =
      std::max(Limits::kShared, found == allowed_shared().end() ? 0 : found->second);
  if (launch.shared > static_cast<std::size_t>(allowed))
    return report(cudaErrorInvalidValue,
                  function_name(launch.kernel) + ": " + std::to_string(launch.shared) +
                      " bytes of dynamic shared memory, cudaFuncSetAttribute allowed " +
                      std::to_string(allowed));
  launch.most_shared = found == allowed_shared().end() ? Limits::kShared : Limits::kSharedOptIn;
  add_work(stream, [launch = std::move(launch)] { run_grid(launch); });
  return cudaSuccess;
}

cudaError_t renew_block(void* block, std::size_t bytes, cudaStream_t stream) {
  return enqueue_host(stream, [block, bytes] {
    if (!device_memory().renew(block, bytes))
      throw Failure("a pool gives out " + std::to_string(bytes) + " bytes of a block without them");
  });
}

void retire_block(void* block, cudaStream_t stream) noexcept {
  // Refused after a failure, when nothing runs any more.
  static_cast<void>(enqueue_host(stream, [block] { device_memory().retire(block); }));
}

std::vector<Traffic> traffic_of(const std::string& file) {
  const Lock lock;
  return checker ? checker->traffic_of(file) : std::vector<Traffic>{};
}

}  // namespace orchid::simt

using namespace orchid::simt;

extern "C" {

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  const Lock lock;
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
  if (value < 0 || value > Limits::kSharedOptIn)
    return report(cudaErrorInvalidValue, function_name(kernel) + ": " + std::to_string(value) +
                                             " bytes of shared memory asked for, a block has " +
                                             std::to_string(Limits::kSharedOptIn));
  allowed_shared()[kernel] = value;
  return cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* kernel) {
  const Lock lock;
  *attributes = {};
  attributes->maxThreadsPerBlock = Limits::kThreadsPerBlock;
  attributes->numRegs = 32;
  const auto found = allowed_shared().find(kernel);
  attributes->maxDynamicSharedSizeBytes =
      found == allowed_shared().end() ? Limits::kShared : found->second;
  return cudaSuccess;
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void*, int threads,
                                                          std::size_t shared) {
  const int by_threads = Limits::kThreadsPerProcessor / std::max(threads, 1);
  const int by_shared =
      shared ? static_cast<int>(Limits::kSharedPerProcessor / shared) : Limits::kBlocksPerProcessor;
  *blocks = std::min({by_threads, by_shared, Limits::kBlocksPerProcessor});
  return cudaSuccess;
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, const void* kernel,
                                                                   int threads, std::size_t shared,
                                                                   unsigned) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessor(blocks, kernel, threads, shared);
}

}  // extern "C"
