#pragma once

#include <array>
#include <cstddef>

#include <cuda_runtime_api.h>

#include "kernels/core/memory.h"

namespace orchid::cuda {

/// Copies from the host by way of pinned memory, which the driver can read while the host goes on.
class StagedCopy {
 public:
  StagedCopy() = default;
  ~StagedCopy();
  StagedCopy(const StagedCopy&) = delete;
  StagedCopy& operator=(const StagedCopy&) = delete;

  /// Returns as soon as all bytes are staged; the copies to `to` are queued on `stream`.
  void copy(cudaStream_t stream, void* to, const void* host, std::size_t bytes);

 private:
  /// Pinned memory that a copy to the device is on its way from.
  struct Stage {
    void* pinned = nullptr;
    cudaEvent_t done = nullptr;
  };
  std::array<Stage, 4> stages_;
  std::size_t next_ = 0;
};

/// Copies from the host that do not wait for what the device computes: they go to one of two blocks
/// on a stream of their own, and from there to their place in the order of the other stream.
class UploadLane {
 public:
  UploadLane();
  ~UploadLane();
  UploadLane(const UploadLane&) = delete;
  UploadLane& operator=(const UploadLane&) = delete;

  /// Returns as soon as all bytes are staged; `to` has them when `stream` comes to it. Blocks come
  /// from `memory`, whose work is that of `stream`, and stay with the lane.
  void copy(Memory& memory, cudaStream_t stream, void* to, const void* host, std::size_t bytes);

 private:
  struct Block {
    void* device = nullptr;
    std::size_t bytes = 0;
    cudaEvent_t arrived = nullptr;  ///< on the lane's stream: the bytes are in the block
    cudaEvent_t taken = nullptr;    ///< on the other: they are in their place
  };
  StagedCopy staged_;
  cudaStream_t stream_ = nullptr;
  std::array<Block, 2> blocks_;
  std::size_t next_ = 0;
};

}  // namespace orchid::cuda
