#pragma once

#include <cstddef>
#include <functional>
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

/// A stream of one GPU and a caching pool of its memory. Blocks are reused in the order of the
/// stream, so a tensor may be dropped while the work that reads it is still queued.
ORCHID_CUDA_PART std::shared_ptr<Memory> make_cuda_memory(int index);

/// That stream (a cudaStream_t), for libraries that queue work of their own beside it.
ORCHID_CUDA_PART void* cuda_stream(const Memory& memory);

/// Work recorded from a stream, to be given to it again at once.
class RecordedWork {
 public:
  virtual ~RecordedWork() = default;
  /// Queues the work on the context's stream. What its ops were given by value is as it was when
  /// recorded; what they read from memory is read anew.
  virtual void replay() = 0;
};

/// Runs `body` in memory that only recorded work uses (see `record_cuda_work`): as a rehearsal,
/// after which every block, plan and handle it needs exists.
ORCHID_CUDA_PART void rehearse_cuda_work(Context&, const std::function<void()>& body);

/// Records the ops that `body` runs, without doing them. `body` may not read from the device.
/// Records of one context share their memory and leave nothing in it: they must be replayed one
/// after another, and hand results over in tensors that were made before.
ORCHID_CUDA_PART std::unique_ptr<RecordedWork> record_cuda_work(Context&,
                                                                const std::function<void()>& body);

/// Milliseconds of device time, by its own clock, that the work queued by `body` took.
ORCHID_CUDA_PART double time_cuda_work(Context&, const std::function<void()>& body);

/// Milliseconds of `count` runs of `body` in a row, each from the end of the one before to its own:
/// the device never waits for the host to have seen a result, who is at most two runs ahead.
ORCHID_CUDA_PART std::vector<double> time_cuda_queue(Context&, const std::function<void()>& body,
                                                     std::size_t count);

/// Brackets an op for profilers (an NVTX range); `end` reports errors of the launch, and with a
/// trace waits, so that the time is the op's.
ORCHID_CUDA_PART void begin_cuda_op(Context&, const char* name);
ORCHID_CUDA_PART void end_cuda_op(Context&, const char* name);

inline bool built_with_cuda() {
  return &find_cuda_devices != nullptr;
}

}  // namespace orchid
