#pragma once

#include <cuda_runtime_api.h>

namespace orchid::cuda {

/// Throws an Error "<op>: <doing>: <what CUDA says>" unless `error` is success. Failures of kernels
/// come with the next call that waits for them.
void check(cudaError_t error, const char* op, const char* doing);

/// 34 (stub library), 35 (driver missing or too old) and 100 (no device): there is no GPU to use.
bool means_no_device(cudaError_t error);

}  // namespace orchid::cuda

/// Checks a call of the CUDA runtime; the Error names the call.
#define ORCHID_CUDA_CHECK(call) ::orchid::cuda::check((call), "cuda", #call)
