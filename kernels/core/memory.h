#pragma once

#include <cstddef>
#include <memory>

#include "kernels/core/device.h"

namespace orchid {

/// Allocates memory of one device. The only virtual seam of a device's memory; thread safe.
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
