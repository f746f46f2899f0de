#include <cuda_runtime_api.h>

#include <nvtx3/nvToolsExt.h>

#include "kernels/core/context.h"
#include "kernels/core/cuda_part.h"
#include "kernels/core/error.h"
#include "kernels/cuda/runtime/check.h"
#include "kernels/cuda/runtime/memory.h"

namespace orchid {
namespace {

CudaDevice describe_device(int index) {
  cudaDeviceProp properties{};
  ORCHID_CUDA_CHECK(cudaGetDeviceProperties(&properties, index));
  CudaDevice device;
  device.index = index;
  device.name = properties.name;
  device.capability = properties.major * 10 + properties.minor;
  device.memory = properties.totalGlobalMem;
  device.multiprocessors = properties.multiProcessorCount;
  return device;
}

CudaDevices find_now() {
  CudaDevices found;
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (cuda::means_no_device(error)) {
    static_cast<void>(cudaGetLastError());
    found.reason = error == cudaErrorNoDevice ? "the driver sees no device"
                                              : "no NVIDIA driver, or one too old for this build";
    return found;
  }
  ORCHID_CUDA_CHECK(error);
  for (int i = 0; i < count; ++i) found.devices.push_back(describe_device(i));
  if (count == 0) found.reason = "the driver sees no device";
  return found;
}

/// Times on a stream.
class Marks {
 public:
  explicit Marks(std::size_t count) : events_(count) {
    for (cudaEvent_t& event : events_) ORCHID_CUDA_CHECK(cudaEventCreate(&event));
  }
  ~Marks() {
    for (const cudaEvent_t event : events_) static_cast<void>(cudaEventDestroy(event));
  }
  Marks(const Marks&) = delete;
  Marks& operator=(const Marks&) = delete;

  void set(std::size_t i, cudaStream_t stream) {
    ORCHID_CUDA_CHECK(cudaEventRecord(events_[i], stream));
  }
  void wait(std::size_t i) { ORCHID_CUDA_CHECK(cudaEventSynchronize(events_[i])); }
  /// From mark i to the next, in milliseconds.
  double after(std::size_t i) const {
    float milliseconds = 0;
    ORCHID_CUDA_CHECK(cudaEventElapsedTime(&milliseconds, events_[i], events_[i + 1]));
    return milliseconds;
  }

 private:
  std::vector<cudaEvent_t> events_;
};

}  // namespace

CudaDevices find_cuda_devices() {
  static const CudaDevices found = find_now();  // devices do not come and go in a process
  return found;
}

double time_cuda_work(Context& ctx, const std::function<void()>& body) {
  return time_cuda_queue(ctx, body, 1).front();
}

std::vector<double> time_cuda_queue(Context& ctx, const std::function<void()>& body,
                                    std::size_t count) {
  const cudaStream_t stream = static_cast<cuda::CudaMemory&>(*ctx.memory()).stream();
  Marks marks(count + 1);
  marks.set(0, stream);
  for (std::size_t i = 1; i <= count; ++i) {
    body();
    marks.set(i, stream);
    if (i > 2) marks.wait(i - 2);
  }
  marks.wait(count);
  std::vector<double> times;
  for (std::size_t i = 0; i < count; ++i) times.push_back(marks.after(i));
  return times;
}

void begin_cuda_op(Context&, const char* name) {
  nvtxRangePushA(name);
}

void end_cuda_op(Context& ctx, const char* name) {
  nvtxRangePop();
  cuda::check(cudaPeekAtLastError(), name, "running");
  if (ctx.trace) ctx.memory()->synchronize();
}

}  // namespace orchid
