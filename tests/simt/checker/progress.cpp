// What the executor and the runtime tell the checker.

#include <algorithm>

#include <link.h>

#include "tests/simt/checker/access_checker.h"
#include "tests/simt/checker/traffic.h"
#include "tests/simt/device/memory.h"
#include "tests/simt/options.h"

extern uint3 blockIdx;

namespace orchid::simt {

AccessChecker access_checker;

namespace {

const bool installed = [] {
  checker = &access_checker;
  return true;
}();

struct Range {
  std::uintptr_t inside;
  std::uintptr_t start = 0, end = 0;
};

/// The library or program that an address belongs to.
Range program_of(const void* address) {
  Range range{reinterpret_cast<std::uintptr_t>(address)};
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* result) {
        auto& found = *static_cast<Range*>(result);
        std::uintptr_t start = UINTPTR_MAX, end = 0;
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& part = info->dlpi_phdr[i];
          if (part.p_type != PT_LOAD) continue;
          start = std::min(start, info->dlpi_addr + part.p_vaddr);
          end = std::max(end, info->dlpi_addr + part.p_vaddr + part.p_memsz);
        }
        if (found.inside < start || found.inside >= end) return 0;
        found.start = start;
        found.end = end;
        return 1;
      },
      &range);
  return range;
}

}  // namespace

void AccessChecker::begin_grid(const Launch& launch, const std::string&) {
  const auto span_of = [](const void* address) -> Span {
    const Range range = program_of(address);
    return {reinterpret_cast<const char*>(range.start), range.end - range.start};
  };
  if (!executor_.start) executor_ = span_of(this);
  if (!program_.has(static_cast<const char*>(launch.kernel))) program_ = span_of(launch.kernel);
  block_ = launch.block;
  thread_count_ = launch.block.x * launch.block.y * launch.block.z;
  parameters_ = {static_cast<const char*>(launch.parameters.get()), launch.parameter_bytes};
  valid_ = {};
  ++generation_;
  time_ = 1;
  blocks_.clear();
  orders_.clear();
}

std::string AccessChecker::end_grid() {
  if (options().count_traffic) traffic_counter.end_block();
  blocks_.clear();
  return reports_.take();
}

void AccessChecker::begin_block(unsigned serial, const char* arena, std::size_t bytes) {
  if (options().count_traffic) traffic_counter.end_block();
  if (!arena_.start) {
    arena_ = {arena, bytes};
    shared_.start_at(arena);
    in_variable_.assign(bytes, false);
  }
  std::fill_n(in_variable_.begin(), arena_used_, false);
  shared_.set_written(0, arena_used_, false);
  arena_used_ = 0;
  block_serial_ = serial;
  blocks_.push_back(blockIdx);
  barriers_ = 1;
  fenced_ = 0;
  lanes_.assign(thread_count_, Lane{});
}

void AccessChecker::shared_variable(const void* address, std::size_t bytes, const char*) {
  const auto offset = static_cast<std::size_t>(static_cast<const char*>(address) - arena_.start);
  std::fill_n(in_variable_.begin() + static_cast<std::ptrdiff_t>(offset), bytes, true);
  arena_used_ = std::max(arena_used_, offset + bytes);
}

/// After __syncwarp each lane knows what all of them knew and had done.
void AccessChecker::warp_barrier(unsigned warp, std::uint32_t mask) {
  std::array<std::uint16_t, 32> all{};
  const auto takes_part = [mask](unsigned lane) { return (mask >> lane & 1) != 0; };
  for (unsigned lane = 0; lane < 32; ++lane) {
    if (!takes_part(lane)) continue;
    Lane& part = lanes_[warp * 32 + lane];
    ++part.clock;
    for (unsigned i = 0; i < 32; ++i) all[i] = std::max(all[i], part.seen[i]);
    all[lane] = std::max(all[lane], part.clock);
  }
  for (unsigned lane = 0; lane < 32; ++lane)
    if (takes_part(lane)) lanes_[warp * 32 + lane].seen = all;
}

void AccessChecker::resume(unsigned thread, const char* stack, std::size_t bytes) {
  thread_ = thread;
  stack_ = {stack, bytes};
}

void AccessChecker::allocate(const void* block, std::size_t bytes) {
  const auto* start = static_cast<const char*>(block);
  if (!device_.base()) device_.start_at(device_memory().base());
  device_.set_written(static_cast<std::size_t>(start - device_.base()), bytes, false);
  valid_ = {};
}

void AccessChecker::release(const void* block, std::size_t bytes) {
  const auto* start = static_cast<const char*>(block);
  device_.forget(static_cast<std::size_t>(start - device_.base()), bytes);
  valid_ = {};
}

void AccessChecker::write_whole(const void* address, std::size_t bytes) {
  const auto* start = static_cast<const char*>(address);
  device_.set_written(static_cast<std::size_t>(start - device_.base()), bytes, true);
}

}  // namespace orchid::simt
