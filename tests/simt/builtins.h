#pragma once

/// Included first in every CUDA source that a host compiler builds (-include): gives the built-ins
/// that nvcc gives, executed by tests/simt/executor. The types and host functions are CUDA's own.
#if defined(__CUDACC__)
#error "tests/simt/builtins.h is for host compilers"
#endif
#define ORCHID_SIMT 1
#define __launch_bounds__(...)

#include <cstdint>

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "tests/simt/executor.h"
#include "tests/simt/launch.h"

// Raw shared variables would be thread-local here; name the form that works in the error.
#undef __shared__
#define __shared__ use_ORCHID_SHARED_for_shared_memory

// Device functions become part of their kernels, as with nvcc, so that reports can name the line of
// the kernel too.
#undef __device__
#define __device__ __attribute__((always_inline))

#define SIMT_BUILTIN inline __attribute__((always_inline))

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

/// A shared array of the block, of its exact size, red zones around it, NaN until written.
#define ORCHID_SHARED(type, name, ...)                                            \
  using name##_shared_type = type __VA_ARGS__;                                    \
  static constinit ::orchid::simt::SharedSlot name##_shared_slot;                 \
  auto& name = *static_cast<name##_shared_type*>(::orchid::simt::shared_variable( \
      name##_shared_slot, sizeof(name##_shared_type), alignof(name##_shared_type), #name))

namespace orchid::cuda {

/// The dynamic shared memory of the block, aligned to 16 bytes.
template <class T>
SIMT_BUILTIN T* dynamic_shared() {
  return static_cast<T*>(simt::dynamic_shared_memory());
}

}  // namespace orchid::cuda

// The order matters: the first gives names that the others use.
// clang-format off
#include "tests/simt/builtins/synchronisation.h"
#include "tests/simt/builtins/atomics.h"
#include "tests/simt/builtins/integers.h"
#include "tests/simt/builtins/math.h"
#include "tests/simt/builtins/bf16.h"
#include "tests/simt/builtins/memory.h"
// clang-format on
