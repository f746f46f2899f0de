#include <cuda_runtime_api.h>

#include "kernels/core/context.h"
#include "kernels/core/cuda_part.h"
#include "kernels/cuda/runtime/check.h"
#include "kernels/cuda/runtime/memory.h"

namespace orchid {
namespace {

cuda::CudaMemory& memory_of(Context& ctx) {
  return static_cast<cuda::CudaMemory&>(*ctx.memory());
}

/// While it lives, new tensors come from the pool of recorded work.
class PrivateMemory {
 public:
  explicit PrivateMemory(cuda::CudaMemory& memory) : memory_(memory) { memory_.begin_private(); }
  ~PrivateMemory() { memory_.end_private(); }
  PrivateMemory(const PrivateMemory&) = delete;
  PrivateMemory& operator=(const PrivateMemory&) = delete;

 private:
  cuda::CudaMemory& memory_;
};

class Graph final : public RecordedWork {
 public:
  Graph(std::shared_ptr<Memory> memory, cudaGraphExec_t exec)
      : memory_(std::move(memory)), exec_(exec) {}
  ~Graph() override { static_cast<void>(cudaGraphExecDestroy(exec_)); }
  void replay() override {
    ORCHID_CUDA_CHECK(cudaGraphLaunch(exec_, static_cast<cuda::CudaMemory&>(*memory_).stream()));
  }

 private:
  std::shared_ptr<Memory> memory_;  ///< the addresses in the graph are its
  cudaGraphExec_t exec_;
};

}  // namespace

void rehearse_cuda_work(Context& ctx, const std::function<void()>& body) {
  const PrivateMemory memory(memory_of(ctx));
  body();
}

std::unique_ptr<RecordedWork> record_cuda_work(Context& ctx, const std::function<void()>& body) {
  const PrivateMemory memory(memory_of(ctx));
  const cudaStream_t stream = memory_of(ctx).stream();
  // Relaxed: a block that the rehearsal did not need may still be allocated.
  ORCHID_CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
  cudaGraph_t graph = nullptr;
  try {
    body();
  } catch (...) {
    static_cast<void>(cudaStreamEndCapture(stream, &graph));
    if (graph) static_cast<void>(cudaGraphDestroy(graph));
    throw;
  }
  ORCHID_CUDA_CHECK(cudaStreamEndCapture(stream, &graph));
  cudaGraphExec_t exec = nullptr;
  const cudaError_t error = cudaGraphInstantiate(&exec, graph, 0);
  static_cast<void>(cudaGraphDestroy(graph));
  cuda::check(error, "cuda graph", "instantiating");
  return std::make_unique<Graph>(ctx.memory(), exec);
}

}  // namespace orchid
