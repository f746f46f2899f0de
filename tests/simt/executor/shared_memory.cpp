// Shared variables of a block and the asynchronous copies into them.

#include <algorithm>
#include <cstring>

#include "tests/simt/device/limits.h"
#include "tests/simt/executor/state.h"
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace orchid::simt {
namespace {

void land(const AsyncCopy& copy, const void* code) {
  std::memcpy(copy.to, copy.from, copy.bytes);
  if (checker) checker->land_copy(copy.to, copy.bytes, code);
}

}  // namespace

void* shared_variable(SharedSlot& slot, std::size_t bytes, std::size_t alignment,
                      const char* name) {
  if (slot.block == executor.block_serial) return slot.address;
  if (!executor.current) fail("shared variable %s outside a kernel", name);
  const std::size_t step = std::max<std::size_t>(alignment, 16);
  const std::size_t at = (executor.arena_used + kRedZone + step - 1) / step * step;
  executor.shared_bytes += bytes;
  if (executor.shared_bytes > executor.most_shared || at + bytes + kRedZone > kArena)
    fail(
        "shared memory: no room for %s of %zu bytes; all of a block must fit in %zu, more than %d "
        "has to be asked for",
        name, bytes, executor.most_shared, Limits::kShared);
  executor.arena_used = at + bytes;
  slot = {executor.block_serial, executor.arena + at};
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(slot.address, bytes);
#endif
  std::memset(slot.address, 0xFF, bytes);
  if (checker) checker->shared_variable(slot.address, bytes, name);
  return slot.address;
}

void* dynamic_shared_memory() {
  return executor.arena + kDynamicAt;
}

void issue_async_copy(void* to, const void* from, std::size_t bytes) {
  if (checker) checker->issue_copy(to, from, bytes, __builtin_return_address(0));
  std::memset(to, 0xFF, bytes);
  executor.current->issued.push_back({to, from, bytes});
}

void commit_async_copies() {
  Thread& self = *executor.current;
  self.committed.push_back(std::move(self.issued));
  self.issued.clear();
}

void wait_async_copies(unsigned pending) {
  auto& groups = executor.current->committed;
  while (groups.size() > pending) {
    for (const AsyncCopy& copy : groups.front()) land(copy, __builtin_return_address(0));
    groups.erase(groups.begin());
  }
}

}  // namespace orchid::simt
