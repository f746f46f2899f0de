#pragma once

#include <cstddef>
#include <map>
#include <utility>
#include <vector>

namespace orchid::simt {

/// The memory of the device: one range of addresses, never used twice, which faults when host code
/// touches it. Blocks start with all bits set (NaN) and lie between red zones.
class DeviceMemory {
 public:
  /// Null if the device is full.
  void* allocate(std::size_t bytes);
  /// False if no block starts there.
  bool release(void* block);
  /// From here on only `bytes` of the block are valid, and undefined; false if it is too small.
  bool renew(void* block, std::size_t bytes);
  /// From here on nothing of the block is, and it takes no memory, until it is renewed.
  void retire(void* block);

  bool contains(const void* address) const;
  /// True if all bytes lie in one block.
  bool holds(const void* address, std::size_t bytes) const;
  /// The same for the valid part of the block.
  bool valid(const void* address, std::size_t bytes) const;
  /// The valid part of the block that begins at or last before the address, null if none does.
  std::pair<const char*, std::size_t> block_at(const void* address) const;
  const char* base() const { return base_; }
  std::size_t in_use() const { return in_use_; }

  /// Device work may touch the memory between open() and close().
  void open();
  void close();

 private:
  struct Block {
    std::size_t capacity;
    std::size_t bytes;
  };
  void reserve();
  const std::pair<char* const, Block>* find(const void* address) const;
  void poison(char* block, const Block& sizes);
  void forget(char* block, std::size_t capacity);
  void protect(int access) const;  ///< of what is opened

  char* base_ = nullptr;
  std::size_t top_ = 0;  ///< bytes given out so far
  std::size_t in_use_ = 0;
  int open_ = 0;
  std::vector<std::pair<std::size_t, std::size_t>> opened_;  ///< from, to: while it is
  std::map<char*, Block> blocks_;
  std::vector<char*> new_blocks_;  ///< not yet filled: only open() makes that possible
};
DeviceMemory& device_memory();

}  // namespace orchid::simt
