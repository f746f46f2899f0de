#include "kernels/cuda/runtime/upload.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "kernels/cuda/runtime/check.h"

namespace orchid::cuda {
namespace {

constexpr std::size_t kStageBytes = std::size_t{4} << 20;

cudaEvent_t make_event() {
  cudaEvent_t event = nullptr;
  ORCHID_CUDA_CHECK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  return event;
}

}  // namespace

StagedCopy::~StagedCopy() {
  for (const Stage& stage : stages_) {
    if (!stage.pinned) continue;
    static_cast<void>(cudaEventSynchronize(stage.done));
    static_cast<void>(cudaEventDestroy(stage.done));
    static_cast<void>(cudaFreeHost(stage.pinned));
  }
}

void StagedCopy::copy(cudaStream_t stream, void* to, const void* host, std::size_t bytes) {
  for (std::size_t at = 0; at < bytes; at += kStageBytes) {
    Stage& stage = stages_[next_];
    next_ = (next_ + 1) % stages_.size();
    if (stage.pinned) {
      ORCHID_CUDA_CHECK(cudaEventSynchronize(stage.done));
    } else {
      ORCHID_CUDA_CHECK(cudaMallocHost(&stage.pinned, kStageBytes));
      stage.done = make_event();
    }
    const std::size_t part = std::min(kStageBytes, bytes - at);
    std::memcpy(stage.pinned, static_cast<const char*>(host) + at, part);
    ORCHID_CUDA_CHECK(cudaMemcpyAsync(static_cast<char*>(to) + at, stage.pinned, part,
                                      cudaMemcpyHostToDevice, stream));
    ORCHID_CUDA_CHECK(cudaEventRecord(stage.done, stream));
  }
}

UploadLane::UploadLane() {
  ORCHID_CUDA_CHECK(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
  for (Block& block : blocks_) {
    block.arrived = make_event();
    block.taken = make_event();
  }
}

UploadLane::~UploadLane() {
  static_cast<void>(cudaStreamSynchronize(stream_));
  for (const Block& block : blocks_) {
    static_cast<void>(cudaEventDestroy(block.arrived));
    static_cast<void>(cudaEventDestroy(block.taken));
  }
  static_cast<void>(cudaStreamDestroy(stream_));
}

void UploadLane::copy(Memory& memory, cudaStream_t stream, void* to, const void* host,
                      std::size_t bytes) {
  Block& block = blocks_[next_];
  next_ = (next_ + 1) % blocks_.size();
  if (block.bytes < bytes) {
    if (block.device) memory.release(block.device, std::exchange(block.bytes, 0));
    block.device = nullptr;
    block.device = memory.allocate(bytes);
    block.bytes = bytes;
    // Whoever had the memory before may have work queued that uses it.
    ORCHID_CUDA_CHECK(cudaEventRecord(block.taken, stream));
  }
  ORCHID_CUDA_CHECK(cudaStreamWaitEvent(stream_, block.taken, 0));
  staged_.copy(stream_, block.device, host, bytes);
  ORCHID_CUDA_CHECK(cudaEventRecord(block.arrived, stream_));
  ORCHID_CUDA_CHECK(cudaStreamWaitEvent(stream, block.arrived, 0));
  ORCHID_CUDA_CHECK(cudaMemcpyAsync(to, block.device, bytes, cudaMemcpyDeviceToDevice, stream));
  ORCHID_CUDA_CHECK(cudaEventRecord(block.taken, stream));
}

}  // namespace orchid::cuda
