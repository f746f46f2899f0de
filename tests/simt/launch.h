#pragma once

#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include <cuda_runtime_api.h>

namespace orchid::simt {

/// A kernel with its arguments, ready to run any number of times.
struct Launch {
  const void* kernel = nullptr;
  const char* op = "";  ///< for messages
  dim3 grid, block;
  std::size_t shared = 0;       ///< dynamic
  std::size_t most_shared = 0;  ///< that a block may have in all
  std::shared_ptr<const void> parameters;
  std::size_t parameter_bytes = 0;
  void (*run_thread)(const void* kernel, const void* parameters) = nullptr;
};

/// Checks the limits of the device and gives the kernel to the stream.
cudaError_t enqueue_launch(Launch launch, cudaStream_t stream);

/// Runs `work` as if it were a kernel: in stream order, with device memory open, also in graphs.
/// For stand-ins of libraries such as cuBLAS.
cudaError_t enqueue_host(cudaStream_t stream, std::function<void()> work);

/// Tells that a pool hands `block` out anew: from here in the stream, `bytes` of it are valid and
/// nothing has been written there.
cudaError_t renew_block(void* block, std::size_t bytes, cudaStream_t stream);
/// Tells that a pool has `block` back: from there in the stream nobody may touch it until it is
/// renewed.
void retire_block(void* block, cudaStream_t stream) noexcept;

template <class... Parameters, class... Arguments>
cudaError_t enqueue(dim3 grid, dim3 block, std::size_t shared, cudaStream_t stream, const char* op,
                    void (*kernel)(Parameters...), Arguments&&... arguments) {
  using Pack = std::tuple<Parameters...>;
  return enqueue_launch(
      Launch{.kernel = reinterpret_cast<const void*>(kernel),
             .op = op ? op : "",
             .grid = grid,
             .block = block,
             .shared = shared,
             .parameters = std::make_shared<const Pack>(std::forward<Arguments>(arguments)...),
             .parameter_bytes = sizeof(Pack),
             .run_thread =
                 [](const void* code, const void* pack) {
                   std::apply(reinterpret_cast<void (*)(Parameters...)>(const_cast<void*>(code)),
                              *static_cast<const Pack*>(pack));
                 }},
      stream);
}

}  // namespace orchid::simt
