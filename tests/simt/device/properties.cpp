// What the device says of itself.

#include <cstdio>

#include <cuda_runtime_api.h>

#include "tests/simt/device/error.h"
#include "tests/simt/device/limits.h"
#include "tests/simt/device/stream.h"
#include "tests/simt/options.h"

using namespace orchid::simt;

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  return device == 0 ? cudaSuccess : report(cudaErrorInvalidDevice, "no such device");
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  *least = 0;
  *greatest = -5;
  return cudaSuccess;
}

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  *mode = cudaStreamCaptureModeGlobal;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device != 0) return report(cudaErrorInvalidDevice, "no such device");
  *properties = {};
  std::snprintf(properties->name, sizeof properties->name, "host executor (sm_%d%d)",
                Limits::kMajor, Limits::kMinor);
  properties->major = Limits::kMajor;
  properties->minor = Limits::kMinor;
  properties->totalGlobalMem = options().memory;
  properties->multiProcessorCount = Limits::kProcessors;
  properties->warpSize = 32;
  properties->maxThreadsPerBlock = Limits::kThreadsPerBlock;
  properties->maxThreadsPerMultiProcessor = Limits::kThreadsPerProcessor;
  properties->maxBlocksPerMultiProcessor = Limits::kBlocksPerProcessor;
  properties->regsPerBlock = properties->regsPerMultiprocessor = Limits::kRegisters;
  properties->sharedMemPerBlock = Limits::kShared;
  properties->sharedMemPerBlockOptin = Limits::kSharedOptIn;
  properties->sharedMemPerMultiprocessor = Limits::kSharedPerProcessor;
  properties->l2CacheSize = Limits::kL2Bytes;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (device != 0) return report(cudaErrorInvalidDevice, "no such device");
  switch (attribute) {
    case cudaDevAttrComputeCapabilityMajor:
      *value = Limits::kMajor;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = Limits::kMinor;
      break;
    case cudaDevAttrMultiProcessorCount:
      *value = Limits::kProcessors;
      break;
    case cudaDevAttrWarpSize:
      *value = 32;
      break;
    case cudaDevAttrMaxThreadsPerBlock:
      *value = Limits::kThreadsPerBlock;
      break;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = Limits::kThreadsPerProcessor;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      *value = Limits::kShared;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = Limits::kSharedOptIn;
      break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = Limits::kSharedPerProcessor;
      break;
    case cudaDevAttrL2CacheSize:
      *value = Limits::kL2Bytes;
      break;
    default:
      return report(cudaErrorNotSupported, "cudaDeviceGetAttribute: attribute " +
                                               std::to_string(attribute) +
                                               " is not known to the host executor");
  }
  return cudaSuccess;
}

}  // extern "C"
