#include "tests/simt/device/memory.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <sys/mman.h>

#include "tests/simt/checker.h"
#include "tests/simt/options.h"
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace orchid::simt {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kRange = std::size_t{1} << 40;  // addresses only: they cost nothing
constexpr std::size_t kAlignment = 256;               // as cudaMalloc
constexpr std::size_t kRedZone = 256;

std::size_t round_up(std::size_t bytes, std::size_t step) {
  return (bytes + step - 1) / step * step;
}

}  // namespace

DeviceMemory& device_memory() {
  static auto* memory = new DeviceMemory;  // outlives whatever frees its blocks at exit
  return *memory;
}

void DeviceMemory::reserve() {
  if (base_) return;
  void* range =
      mmap(nullptr, kRange, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED) {
    std::perror("simt: no addresses for device memory");
    std::abort();
  }
  base_ = static_cast<char*>(range);
  // A page of the whole range is touched before it is cut up: only then do parts that are protected
  // apart from each other become one again in the kernel's books.
  if (mprotect(base_, kRange, PROT_READ | PROT_WRITE) == 0) *base_ = 0;
  mprotect(base_, kRange, PROT_NONE);
}

void DeviceMemory::open() {
  // Only what is in use: all else would be gone through at each call. Parts near each other go
  // together.
  constexpr std::size_t kNear = std::size_t{1} << 20;
  if (open_++ > 0) return;
  for (const auto& [block, sizes] : blocks_) {
    if (sizes.bytes == 0) continue;
    const auto at = static_cast<std::size_t>(block - base_);
    const std::size_t begin = at / kPage * kPage, end = round_up(at + sizes.capacity, kPage);
    if (!opened_.empty() && begin <= opened_.back().second + kNear)
      opened_.back().second = end;
    else
      opened_.push_back({begin, end});
  }
  protect(PROT_READ | PROT_WRITE);
  for (char* block : std::exchange(new_blocks_, {})) {
    const auto found = blocks_.find(block);
    if (found != blocks_.end() && found->second.bytes > 0) poison(block, found->second);
  }
}

void DeviceMemory::close() {
  if (--open_ > 0) return;
  protect(PROT_NONE);
  opened_.clear();
}

void DeviceMemory::protect(int access) const {
  for (const auto& [begin, end] : opened_) mprotect(base_ + begin, end - begin, access);
}

void* DeviceMemory::allocate(std::size_t bytes) {
  reserve();
  // Each block ends on a page, so that freed ones can go back to the system whole.
  const std::size_t total = round_up(kRedZone + round_up(bytes, kAlignment) + kRedZone, kPage);
  if (bytes > options().memory || in_use_ + bytes > options().memory || top_ + total > kRange)
    return nullptr;
  char* start = base_ + top_;
  top_ += total;
  in_use_ += bytes;
  char* block = start + kRedZone;
  blocks_[block] = {bytes, bytes};
#if defined(__SANITIZE_ADDRESS__)
  __asan_poison_memory_region(start, total);
#endif
  new_blocks_.push_back(block);
  return block;
}

void DeviceMemory::poison(char* block, const Block& sizes) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(block, sizes.capacity);
#endif
  std::memset(block, 0xFF, sizes.capacity);
#if defined(__SANITIZE_ADDRESS__)
  __asan_poison_memory_region(block + sizes.bytes, sizes.capacity - sizes.bytes);
#endif
  if (checker) checker->allocate(block, sizes.bytes);
}

bool DeviceMemory::renew(void* block, std::size_t bytes) {
  const auto found = blocks_.find(static_cast<char*>(block));
  if (found == blocks_.end() || bytes > found->second.capacity) return false;
  found->second.bytes = bytes;
  open();
  // That is too late for this block if all is open since before.
  const auto at = static_cast<std::size_t>(found->first - base_);
  opened_.push_back({at / kPage * kPage, round_up(at + found->second.capacity, kPage)});
  mprotect(base_ + opened_.back().first, opened_.back().second - opened_.back().first,
           PROT_READ | PROT_WRITE);
  poison(found->first, found->second);
  close();
  return true;
}

/// Nobody may touch it, and the system has its pages.
void DeviceMemory::forget(char* block, std::size_t capacity) {
  if (checker) checker->release(block, capacity);
#if defined(__SANITIZE_ADDRESS__)
  __asan_poison_memory_region(block, capacity);
#endif
  madvise(block - kRedZone, round_up(2 * kRedZone + round_up(capacity, kAlignment), kPage),
          MADV_DONTNEED);
}

void DeviceMemory::retire(void* block) {
  const auto found = blocks_.find(static_cast<char*>(block));
  if (found == blocks_.end()) return;  // given back before the stream came to it
  found->second.bytes = 0;
  forget(found->first, found->second.capacity);
}

bool DeviceMemory::release(void* block) {
  const auto found = blocks_.find(static_cast<char*>(block));
  if (found == blocks_.end()) return false;
  forget(found->first, found->second.capacity);
  in_use_ -= found->second.capacity;
  blocks_.erase(found);
  return true;
}

bool DeviceMemory::contains(const void* address) const {
  const auto* at = static_cast<const char*>(address);
  return base_ && at >= base_ && at < base_ + kRange;
}

const std::pair<char* const, DeviceMemory::Block>* DeviceMemory::find(const void* address) const {
  auto next = blocks_.upper_bound(static_cast<char*>(const_cast<void*>(address)));
  return next == blocks_.begin() ? nullptr : &*--next;
}

bool DeviceMemory::holds(const void* address, std::size_t bytes) const {
  const auto* block = find(address);
  return block &&
         static_cast<const char*>(address) + bytes <= block->first + block->second.capacity;
}

bool DeviceMemory::valid(const void* address, std::size_t bytes) const {
  const auto* block = find(address);
  return block && static_cast<const char*>(address) + bytes <= block->first + block->second.bytes;
}

std::pair<const char*, std::size_t> DeviceMemory::block_at(const void* address) const {
  const auto* block = find(address);
  if (!block) return {nullptr, 0};
  return {block->first, block->second.bytes};
}

}  // namespace orchid::simt
