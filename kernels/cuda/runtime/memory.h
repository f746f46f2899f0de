#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <cuda_runtime_api.h>

#include "kernels/core/memory.h"
#include "kernels/cuda/runtime/upload.h"

namespace orchid::cuda {

/// Blocks of device memory by size class, kept for reuse: after warm-up a step asks the driver for
/// nothing. Not thread safe.
class BlockPool {
 public:
  ~BlockPool();
  /// A block of at least `size` bytes out of the pool, or null.
  void* take(std::size_t size);
  void give(void* block, std::size_t size);
  void add(void* block) { owned_.push_back(block); }
  /// Returns the blocks nobody uses to the driver.
  void trim();

 private:
  std::map<std::size_t, std::vector<void*>> free_;
  std::vector<void*> owned_;
};

/// One stream of one GPU and the memory its work uses. A released block may be handed out again at
/// once: the next user's work comes later in the same stream.
class CudaMemory final : public Memory {
 public:
  explicit CudaMemory(int index);
  ~CudaMemory() override;

  cudaStream_t stream() const { return stream_; }

  Device device() const override { return {DeviceType::cuda, index_}; }
  void* allocate(std::size_t bytes) override;
  void release(void* pointer, std::size_t bytes) noexcept override;
  std::size_t in_use() const override;
  std::size_t peak() const override;
  /// Returns as soon as the bytes are staged in pinned memory; does not wait for the device.
  void copy_from_host(void* to, const void* host, std::size_t bytes) override;
  void upload(void* to, const void* host, std::size_t bytes) override;
  void copy_to_host(void* host, const void* from, std::size_t bytes) override;
  void copy(void* to, const void* from, std::size_t bytes) override;
  void zero(void* to, std::size_t bytes) override;
  void synchronize() override;

  /// Until end_private(), blocks come from a pool of their own that nothing else ever uses: the
  /// addresses a captured graph works on. One pool serves all graphs of a stream, since they run
  /// one after another and leave nothing there.
  void begin_private();
  void end_private();

 private:
  int index_;
  cudaStream_t stream_ = nullptr;
  mutable std::mutex mutex_;
  BlockPool shared_;
  BlockPool private_;
  bool use_private_ = false;
  std::map<void*, BlockPool*> home_;  ///< of the blocks handed out
  std::size_t in_use_ = 0;
  std::size_t peak_ = 0;
  StagedCopy staged_;
  std::optional<UploadLane> lane_;  ///< from the first large upload on
};

}  // namespace orchid::cuda
