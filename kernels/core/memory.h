#pragma once

#include <cstddef>
#include <memory>

#include "kernels/core/device.h"

namespace orchid {

/// Memory of one device: allocation and copies to and from the host. The only virtual seam of a
/// device's memory; allocation is thread safe. Copies of device memory are in the order of the work
/// given to the device; those that touch host memory are complete when they return.
class Memory {
 public:
  virtual ~Memory() = default;
  virtual Device device() const = 0;
  /// At least `bytes` bytes, aligned to 64; content undefined. Throws Error when there is none.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void release(void* pointer, std::size_t bytes) noexcept = 0;
  /// Bytes handed out and not released, and their highest value so far.
  virtual std::size_t in_use() const = 0;
  virtual std::size_t peak() const = 0;

  virtual void copy_from_host(void* to, const void* host, std::size_t bytes) = 0;
  /// The same for what comes anew with each step: goes on while earlier work is computed, at the
  /// price of room for two of the largest.
  virtual void upload(void* to, const void* host, std::size_t bytes) {
    copy_from_host(to, host, bytes);
  }
  virtual void copy_to_host(void* host, const void* from, std::size_t bytes) = 0;
  /// Both within this memory.
  virtual void copy(void* to, const void* from, std::size_t bytes) = 0;
  virtual void zero(void* to, std::size_t bytes) = 0;
  /// Waits until all work given to the device is done; throws what went wrong in it.
  virtual void synchronize() = 0;
};

/// Host memory kept in size classes for reuse, so that a training step allocates nothing after
/// warm-up.
std::shared_ptr<Memory> make_host_pool();

/// Hands out no memory, only counts it: for planning a run without allocating (Context::planning).
std::shared_ptr<Memory> make_counting_memory();

/// One block of a Memory, returned to it with the last owner.
class Buffer {
 public:
  Buffer(std::shared_ptr<Memory> memory, std::size_t bytes);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  const std::shared_ptr<Memory>& memory() const { return memory_; }

 private:
  std::shared_ptr<Memory> memory_;
  std::size_t bytes_;
  void* data_;
};

}  // namespace orchid
