#include "kernels/cuda/runtime/check.h"

#include "kernels/core/error.h"

namespace orchid::cuda {

void check(cudaError_t error, const char* op, const char* doing) {
  if (error == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());  // the error is reported once, here
  throw Error(
      str(op, ": ", doing, ": ", cudaGetErrorString(error), " (", cudaGetErrorName(error), ")"));
}

bool means_no_device(cudaError_t error) {
  return error == cudaErrorStubLibrary || error == cudaErrorInsufficientDriver ||
         error == cudaErrorNoDevice;
}

}  // namespace orchid::cuda
