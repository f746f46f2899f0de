#include "kernels/cuda/runtime/memory.h"

#include <algorithm>
#include <bit>

#include "kernels/core/cuda_part.h"
#include "kernels/core/error.h"
#include "kernels/cuda/runtime/check.h"

namespace orchid::cuda {
namespace {

constexpr std::size_t kAlignment = 512;
/// Uploads from here on have a lane of their own; smaller ones are through before it is set up.
constexpr std::size_t kLaneBytes = std::size_t{1} << 20;

/// Rounds up to one of eight sizes per power of two: at most 12.5 % of a block is unused.
std::size_t size_class(std::size_t bytes) {
  if (bytes <= 8 * kAlignment)
    return std::max(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
  const std::size_t step = std::bit_floor(bytes - 1) / 8;
  return (bytes + step - 1) / step * step;
}

}  // namespace

BlockPool::~BlockPool() {
  for (void* block : owned_) static_cast<void>(cudaFree(block));
}

void* BlockPool::take(std::size_t size) {
  const auto found = free_.find(size);
  if (found == free_.end() || found->second.empty()) return nullptr;
  void* block = found->second.back();
  found->second.pop_back();
  return block;
}

void BlockPool::give(void* block, std::size_t size) {
  free_[size].push_back(block);
}

void BlockPool::trim() {
  for (auto& [size, blocks] : free_) {
    for (void* block : blocks) {
      std::erase(owned_, block);
      ORCHID_CUDA_CHECK(cudaFree(block));
    }
    blocks.clear();
  }
}

CudaMemory::CudaMemory(int index) : index_(index) {
  ORCHID_CUDA_CHECK(cudaSetDevice(index));
  ORCHID_CUDA_CHECK(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
}

CudaMemory::~CudaMemory() {
  static_cast<void>(cudaStreamSynchronize(stream_));
  lane_.reset();
  static_cast<void>(cudaStreamDestroy(stream_));
}

void* CudaMemory::allocate(std::size_t bytes) {
  const std::size_t size = size_class(bytes);
  const std::lock_guard lock(mutex_);
  BlockPool& pool = use_private_ ? private_ : shared_;
  void* block = pool.take(size);
  if (!block) {
    cudaError_t error = cudaMalloc(&block, size);
    if (error == cudaErrorMemoryAllocation) {  // blocks of other sizes may be lying idle
      static_cast<void>(cudaGetLastError());
      shared_.trim();
      error = cudaMalloc(&block, size);
    }
    if (error == cudaErrorMemoryAllocation) {
      static_cast<void>(cudaGetLastError());
      throw Error(str("memory: cannot allocate ", bytes, " bytes on ", device(), "; ", in_use_,
                      " bytes are in use; lower batch.per_device"));
    }
    ORCHID_CUDA_CHECK(error);
    pool.add(block);
  }
#if defined(ORCHID_SIMT)  // under test every block is new: undefined, and no larger than asked
  ORCHID_CUDA_CHECK(simt::renew_block(block, bytes, stream_));
#endif
  home_[block] = &pool;
  in_use_ += size;
  peak_ = std::max(peak_, in_use_);
  return block;
}

void CudaMemory::release(void* pointer, std::size_t bytes) noexcept {
  const std::size_t size = size_class(bytes);
#if defined(ORCHID_SIMT)
  simt::retire_block(pointer, stream_);
#endif
  const std::lock_guard lock(mutex_);
  in_use_ -= size;
  const auto found = home_.find(pointer);
  try {
    found->second->give(pointer, size);
  } catch (...) {  // the pool still owns the block; it is only not reused
  }
  home_.erase(found);
}

std::size_t CudaMemory::in_use() const {
  const std::lock_guard lock(mutex_);
  return in_use_;
}

std::size_t CudaMemory::peak() const {
  const std::lock_guard lock(mutex_);
  return peak_;
}

void CudaMemory::copy_from_host(void* to, const void* host, std::size_t bytes) {
  staged_.copy(stream_, to, host, bytes);
}

void CudaMemory::upload(void* to, const void* host, std::size_t bytes) {
  if (bytes < kLaneBytes) return copy_from_host(to, host, bytes);
  if (!lane_) lane_.emplace();
  lane_->copy(*this, stream_, to, host, bytes);
}

void CudaMemory::copy_to_host(void* host, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  ORCHID_CUDA_CHECK(cudaMemcpyAsync(host, from, bytes, cudaMemcpyDeviceToHost, stream_));
  ORCHID_CUDA_CHECK(cudaStreamSynchronize(stream_));
}

void CudaMemory::copy(void* to, const void* from, std::size_t bytes) {
  if (bytes == 0 || to == from) return;
  ORCHID_CUDA_CHECK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_));
}

void CudaMemory::zero(void* to, std::size_t bytes) {
  if (bytes > 0) ORCHID_CUDA_CHECK(cudaMemsetAsync(to, 0, bytes, stream_));
}

void CudaMemory::synchronize() {
  ORCHID_CUDA_CHECK(cudaStreamSynchronize(stream_));
}

void CudaMemory::begin_private() {
  const std::lock_guard lock(mutex_);
  use_private_ = true;
}

void CudaMemory::end_private() {
  const std::lock_guard lock(mutex_);
  use_private_ = false;
}

}  // namespace orchid::cuda

namespace orchid {

std::shared_ptr<Memory> make_cuda_memory(int index) {
  return std::make_shared<cuda::CudaMemory>(index);
}

void* cuda_stream(const Memory& memory) {
  return static_cast<const cuda::CudaMemory&>(memory).stream();
}

}  // namespace orchid
