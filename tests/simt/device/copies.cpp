// Memory of the device and the host's pinned memory; copies and fills.

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <cuda_runtime_api.h>

#include "tests/simt/checker.h"
#include "tests/simt/device/error.h"
#include "tests/simt/device/lock.h"
#include "tests/simt/device/memory.h"
#include "tests/simt/device/stream.h"
#include "tests/simt/executor/grid.h"
#include "tests/simt/options.h"

namespace orchid::simt {
namespace {

constexpr std::size_t kPoisonedPinned = 64 * 1024;

std::map<const char*, std::size_t>& pinned_blocks() {
  static auto* blocks = new std::map<const char*, std::size_t>;
  return *blocks;
}

bool is_pinned(const void* address) {
  const auto* at = static_cast<const char*>(address);
  auto next = pinned_blocks().upper_bound(at);
  if (next == pinned_blocks().begin()) return false;
  --next;
  return at < next->first + next->second;
}

/// An error if device memory is meant and no block has all these bytes.
cudaError_t check_range(const char* call, const void* address, std::size_t bytes) {
  if (!device_memory().contains(address) || device_memory().holds(address, bytes))
    return cudaSuccess;
  return report(cudaErrorInvalidValue, std::string(call) + ": " + std::to_string(bytes) +
                                           " bytes that lie in no block of device memory");
}

/// When the copy happens, the block may have been given out anew, smaller.
void check_valid(const char* call, const void* address, std::size_t bytes) {
  if (bytes && device_memory().contains(address) && !device_memory().valid(address, bytes))
    throw Failure(std::string(call) + ": " + std::to_string(bytes) +
                  " bytes reach beyond the end of a block of device memory");
}

bool kind_fits(cudaMemcpyKind kind, bool to_device, bool from_device) {
  switch (kind) {
    case cudaMemcpyHostToHost:
      return !to_device && !from_device;
    case cudaMemcpyHostToDevice:
      return to_device && !from_device;
    case cudaMemcpyDeviceToHost:
      return !to_device && from_device;
    case cudaMemcpyDeviceToDevice:
      return to_device && from_device;
    default:
      return true;
  }
}

void copy_now(void* to, const void* from, std::size_t bytes) {
  check_valid("cudaMemcpy", to, bytes);
  check_valid("cudaMemcpy", from, bytes);
  std::memmove(to, from, bytes);
  if (checker && device_memory().contains(to)) checker->write_whole(to, bytes);
}

cudaError_t copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                 cudaStream_t stream) {
  if (const cudaError_t error = can_enqueue(stream)) return error;
  if (const cudaError_t error = check_range("cudaMemcpy", to, bytes)) return error;
  if (const cudaError_t error = check_range("cudaMemcpy", from, bytes)) return error;
  const bool to_device = device_memory().contains(to), from_device = device_memory().contains(from);
  if (bytes && !kind_fits(kind, to_device, from_device))
    return report(cudaErrorInvalidMemcpyDirection,
                  "cudaMemcpy: the kind does not fit the pointers");
  const bool captured = stream_of(stream).graph != nullptr;
  if (!from_device && !is_pinned(from) && !captured) {
    // Pageable memory is read before the call returns.
    const auto* bytes_of = static_cast<const char*>(from);
    auto staged = std::make_shared<const std::vector<char>>(bytes_of, bytes_of + bytes);
    add_work(stream, [=] { copy_now(to, staged->data(), bytes); });
  } else {
    add_work(stream, [=] { copy_now(to, from, bytes); });
  }
  // ... and written before it returns.
  if (!to_device && !is_pinned(to) && !captured) finish(stream_of(stream));
  return cudaSuccess;
}

}  // namespace
}  // namespace orchid::simt

using namespace orchid::simt;

extern "C" {

cudaError_t cudaMalloc(void** block, std::size_t bytes) {
  const Lock lock;
  if (const cudaError_t error = refuse_in_capture("cudaMalloc")) return error;
  *block = bytes ? device_memory().allocate(bytes) : nullptr;
  if (*block || !bytes) return cudaSuccess;
  return report(cudaErrorMemoryAllocation, "out of memory");
}

cudaError_t cudaFree(void* block) {
  const Lock lock;
  if (!block) return cudaSuccess;
  if (const cudaError_t error = refuse_in_capture("cudaFree")) return error;
  finish_all();
  if (device_memory().release(block)) return cudaSuccess;
  return report(cudaErrorInvalidValue, "cudaFree: no block of device memory begins there");
}

cudaError_t cudaMallocAsync(void** block, std::size_t bytes, cudaStream_t) {
  return cudaMalloc(block, bytes);
}

cudaError_t cudaFreeAsync(void* block, cudaStream_t stream) {
  const Lock lock;
  if (!block) return cudaSuccess;
  add_work(stream, [block] {
    if (!device_memory().release(block)) throw Failure("cudaFreeAsync: no such block");
  });
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void** block, std::size_t bytes) {
  const Lock lock;
  if (const cudaError_t error = refuse_in_capture("cudaMallocHost")) return error;
  *block = std::malloc(bytes ? bytes : 1);
  if (!*block) return report(cudaErrorMemoryAllocation, "out of pinned memory");
  // NaN where it is likely to be read first; all of a large block would cost more than the tests.
  std::memset(*block, 0xFF, std::min(bytes, kPoisonedPinned));
  pinned_blocks()[static_cast<const char*>(*block)] = bytes;
  return cudaSuccess;
}

cudaError_t cudaHostAlloc(void** block, std::size_t bytes, unsigned) {
  return cudaMallocHost(block, bytes);
}

cudaError_t cudaFreeHost(void* block) {
  const Lock lock;
  if (!block) return cudaSuccess;
  if (const cudaError_t error = refuse_in_capture("cudaFreeHost")) return error;
  finish_all();
  if (!pinned_blocks().erase(static_cast<const char*>(block)))
    return report(cudaErrorInvalidValue, "cudaFreeHost: no block of pinned memory begins there");
  std::free(block);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const Lock lock;
  return copy(to, from, bytes, kind, stream);
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  const Lock lock;
  if (const cudaError_t error = refuse_in_capture("cudaMemcpy")) return error;
  if (const cudaError_t error = copy(to, from, bytes, kind, nullptr)) return error;
  finish(stream_of(nullptr));
  return device_failure();
}

cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  const Lock lock;
  if (const cudaError_t error = can_enqueue(stream)) return error;
  if (bytes && !device_memory().contains(to))
    return report(cudaErrorInvalidValue, "cudaMemset: not device memory");
  if (const cudaError_t error = check_range("cudaMemset", to, bytes)) return error;
  add_work(stream, [=] {
    check_valid("cudaMemset", to, bytes);
    std::memset(to, value, bytes);
    if (checker) checker->write_whole(to, bytes);
  });
  return cudaSuccess;
}

cudaError_t cudaMemset(void* to, int value, std::size_t bytes) {
  return cudaMemsetAsync(to, value, bytes, nullptr);
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  const Lock lock;
  *total = options().memory;
  *free = *total - device_memory().in_use();
  return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* address) {
  const Lock lock;
  *attributes = {};
  const bool device = device_memory().contains(address);
  attributes->type = device               ? cudaMemoryTypeDevice
                     : is_pinned(address) ? cudaMemoryTypeHost
                                          : cudaMemoryTypeUnregistered;
  attributes->devicePointer = device ? const_cast<void*>(address) : nullptr;
  attributes->hostPointer = device ? nullptr : const_cast<void*>(address);
  return cudaSuccess;
}

}  // extern "C"
