#include "kernels/core/memory.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include "kernels/core/error.h"

namespace orchid {
namespace {

constexpr std::size_t kAlignment = 64;
/// Blocks from this size on start on a page boundary.
constexpr std::size_t kPage = 4096;

/// Rounds up to one of eight sizes per power of two: at most 12.5 % of a block is unused.
std::size_t size_class(std::size_t bytes) {
  if (bytes <= 8 * kAlignment)
    return std::max(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
  const std::size_t step = std::bit_floor(bytes - 1) / 8;
  return (bytes + step - 1) / step * step;
}

/// Copies of memory that the host addresses itself.
class HostAddressed : public Memory {
 public:
  Device device() const override { return Device{}; }
  void copy_from_host(void* to, const void* host, std::size_t bytes) override {
    copy(to, host, bytes);
  }
  void copy_to_host(void* host, const void* from, std::size_t bytes) override {
    copy(host, from, bytes);
  }
  void copy(void* to, const void* from, std::size_t bytes) override {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  void zero(void* to, std::size_t bytes) override {
    if (bytes > 0) std::memset(to, 0, bytes);
  }
  void synchronize() override {}
};

class HostPool final : public HostAddressed {
 public:
  ~HostPool() override {
    for (auto& [size, blocks] : free_)
      for (void* block : blocks) std::free(block);
  }

  void* allocate(std::size_t bytes) override {
    const std::size_t size = size_class(bytes);
    const std::lock_guard lock(mutex_);
    in_use_ += size;
    peak_ = std::max(peak_, in_use_);
    if (auto found = free_.find(size); found != free_.end() && !found->second.empty()) {
      void* block = found->second.back();
      found->second.pop_back();
      return block;
    }
    const std::size_t alignment = size >= kPage ? kPage : kAlignment;
    void* block = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    if (!block) in_use_ -= size;
    ORCHID_CHECK(block, "memory: cannot allocate ", bytes, " bytes on the host; ", in_use_,
                 " bytes are in use; lower batch.per_device");
    return block;
  }

  void release(void* pointer, std::size_t bytes) noexcept override {
    const std::size_t size = size_class(bytes);
    const std::lock_guard lock(mutex_);
    in_use_ -= size;
    try {
      free_[size].push_back(pointer);
    } catch (...) {
      std::free(pointer);
    }
  }

  std::size_t in_use() const override {
    const std::lock_guard lock(mutex_);
    return in_use_;
  }
  std::size_t peak() const override {
    const std::lock_guard lock(mutex_);
    return peak_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::size_t, std::vector<void*>> free_;
  std::size_t in_use_ = 0;
  std::size_t peak_ = 0;
};

class CountingMemory final : public HostAddressed {
 public:
  void* allocate(std::size_t bytes) override {
    in_use_ += bytes;
    peak_ = std::max(peak_, in_use_);
    return this;  // never dereferenced: ops do not run while planning
  }
  void release(void*, std::size_t bytes) noexcept override { in_use_ -= bytes; }
  std::size_t in_use() const override { return in_use_; }
  std::size_t peak() const override { return peak_; }
  void copy(void*, const void*, std::size_t) override {}
  void zero(void*, std::size_t) override {}

 private:
  std::size_t in_use_ = 0;
  std::size_t peak_ = 0;
};

}  // namespace

std::shared_ptr<Memory> make_counting_memory() {
  return std::make_shared<CountingMemory>();
}

std::shared_ptr<Memory> make_host_pool() {
  return std::make_shared<HostPool>();
}

Buffer::Buffer(std::shared_ptr<Memory> memory, std::size_t bytes)
    : memory_(std::move(memory)), bytes_(bytes), data_(memory_->allocate(bytes)) {}

Buffer::~Buffer() {
  memory_->release(data_, bytes_);
}

}  // namespace orchid
