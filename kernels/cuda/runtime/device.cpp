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

}  // namespace

CudaDevices find_cuda_devices() {
  static const CudaDevices found = find_now();  // devices do not come and go in a process
  return found;
}

double time_cuda_work(Context& ctx, const std::function<void()>& body) {
  const cudaStream_t stream = static_cast<cuda::CudaMemory&>(*ctx.memory()).stream();
  cudaEvent_t events[2];
  for (cudaEvent_t& event : events) ORCHID_CUDA_CHECK(cudaEventCreate(&event));
  ORCHID_CUDA_CHECK(cudaEventRecord(events[0], stream));
  body();
  ORCHID_CUDA_CHECK(cudaEventRecord(events[1], stream));
  ORCHID_CUDA_CHECK(cudaEventSynchronize(events[1]));
  float milliseconds = 0;
  ORCHID_CUDA_CHECK(cudaEventElapsedTime(&milliseconds, events[0], events[1]));
  for (const cudaEvent_t event : events) ORCHID_CUDA_CHECK(cudaEventDestroy(event));
  return milliseconds;
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
