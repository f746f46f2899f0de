#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "kernels/core/context.h"
#include "kernels/core/dtype.h"
#include "kernels/cuda/runtime/check.h"
#include "kernels/cuda/runtime/memory.h"

/// What a .cu file needs of CUDA, in the form that both nvcc and, for the tests on machines without
/// a GPU, a host compiler take: kernels are launched by `launch`, shared memory is declared by
/// ORCHID_SHARED or taken from `dynamic_shared`.
#if defined(__CUDACC__)

/// A shared array of the block: ORCHID_SHARED(float, part, [2][32]).
#define ORCHID_SHARED(type, name, ...) __shared__ type name __VA_ARGS__

namespace orchid::cuda {

/// The dynamic shared memory of the block, aligned to 16 bytes.
template <class T>
__device__ T* dynamic_shared() {
  extern __shared__ __align__(16) unsigned char orchid_dynamic_shared[];
  return reinterpret_cast<T*>(orchid_dynamic_shared);
}

}  // namespace orchid::cuda

#elif !defined(ORCHID_SIMT)
#error "a .cu file is compiled by nvcc, or for tests by a host compiler with tests/simt/builtins.h"
#endif

namespace orchid::cuda {

inline constexpr int kWarp = 32;

struct LaunchConfig {
  dim3 grid;
  dim3 block;
  std::size_t shared = 0;  ///< dynamic shared memory, bytes
  cudaStream_t stream = nullptr;
  const char* name = "";  ///< of the op, for errors
};

/// Starts kernel(args...). The arguments are converted to the kernel's parameter types.
template <class... Parameters, class... Arguments>
void launch(const LaunchConfig& config, void (*kernel)(Parameters...), Arguments&&... arguments) {
  constexpr std::size_t kWithoutAsking = 32 * 1024;  // 48 KiB with a kernel's static arrays
  if (config.shared > kWithoutAsking)
    check(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                               cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(config.shared)),
          config.name, "asking for dynamic shared memory");
#if defined(__CUDACC__)
  cudaLaunchConfig_t launch{};
  launch.gridDim = config.grid;
  launch.blockDim = config.block;
  launch.dynamicSmemBytes = config.shared;
  launch.stream = config.stream;
  const cudaError_t error =
      cudaLaunchKernelEx(&launch, kernel, static_cast<Parameters>(arguments)...);
#else
  const cudaError_t error =
      simt::enqueue(config.grid, config.block, config.shared, config.stream, config.name, kernel,
                    static_cast<Parameters>(arguments)...);
#endif
  check(error, config.name, "launching a kernel");
}

/// The stream that work of this context goes to.
inline cudaStream_t stream_of(const Context& ctx) {
  return static_cast<const CudaMemory&>(*ctx.memory()).stream();
}

/// Blocks of `block` threads that cover `count` elements, each thread doing `per_thread`; at most
/// `most` of them, for kernels that stride over the grid.
inline unsigned blocks_for(std::int64_t count, std::int64_t block, std::int64_t per_thread = 1,
                           std::int64_t most = INT32_MAX) {
  const std::int64_t per_block = block * per_thread;
  const std::int64_t blocks = (count + per_block - 1) / per_block;
  return static_cast<unsigned>(blocks < 1 ? 1 : blocks < most ? blocks : most);
}

/// The elements of a tensor as kernels see them.
template <class T>
T* elements(Tensor& tensor) {
  return static_cast<T*>(tensor.raw());
}
template <class T>
const T* elements(const Tensor& tensor) {
  return static_cast<const T*>(tensor.raw());
}

/// Calls body(T{}) with T = float or __nv_bfloat16; other types are no activations on a GPU.
template <class Body>
void dispatch_cuda_float(DType dtype, Body&& body) {
  if (dtype == DType::f32) return body(float{});
  ORCHID_CHECK(dtype == DType::bf16, "dtype: expected f32 or bf16 on a GPU, got ", name_of(dtype));
  body(__nv_bfloat16{});
}

/// True if every address and the row length of `width` elements allow accesses of 16 bytes.
template <class T, class... Pointers>
bool vectorizable(std::int64_t width, const Pointers*... pointers) {
  constexpr std::int64_t lanes = 16 / static_cast<std::int64_t>(sizeof(T));
  return width % lanes == 0 && (... && (reinterpret_cast<std::uintptr_t>(pointers) % 16 == 0));
}

}  // namespace orchid::cuda
