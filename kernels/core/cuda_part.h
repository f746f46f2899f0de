#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "kernels/core/memory.h"

/// Marks what kernels/cuda defines. The declaration is weak: a program without that library links,
/// and none of these is called, because no CUDA device is ever found.
#define ORCHID_CUDA_PART __attribute__((weak))

namespace orchid {

class Context;

struct CudaDevice {
  int index = 0;
  std::string name;
  int capability = 0;      ///< 90 for sm_90
  std::size_t memory = 0;  ///< bytes in all
  int multiprocessors = 0;
};

/// The GPUs that can be used now, and where there are none, why (driver missing, too old...).
struct CudaDevices {
  std::vector<CudaDevice> devices;
  std::string reason;
};

ORCHID_CUDA_PART CudaDevices find_cuda_devices();

/// Bytes of a GPU's memory that nothing uses now.
ORCHID_CUDA_PART std::size_t free_cuda_memory(int index);

/// A stream of one GPU and a caching pool of its memory. Blocks are reused in the order of the
/// stream, so a tensor may be dropped while the work that reads it is still queued.
ORCHID_CUDA_PART std::shared_ptr<Memory> make_cuda_memory(int index);

/// Brackets an op for profilers (an NVTX range); `end` reports errors of the launch, and with a
/// trace waits, so that the time is the op's.
ORCHID_CUDA_PART void begin_cuda_op(Context&, const char* name);
ORCHID_CUDA_PART void end_cuda_op(Context&, const char* name);

inline bool built_with_cuda() {
  return &find_cuda_devices != nullptr;
}

}  // namespace orchid
