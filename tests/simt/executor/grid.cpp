#include "tests/simt/executor/grid.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <vector>

#include <sys/mman.h>

#include "tests/simt/executor/state.h"
#include "tests/simt/launch_log.h"
#include "tests/simt/symbols.h"
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

extern uint3 blockIdx;
extern dim3 blockDim, gridDim;

namespace orchid::simt {
namespace {

void set_up_threads(const Launch& launch) {
  executor.thread_count = launch.block.x * launch.block.y * launch.block.z;
  executor.warp_count = (executor.thread_count + kWarp - 1) / kWarp;
  for (unsigned t = 0; t < executor.thread_count; ++t) {
    Thread& thread = executor.threads[t];
    thread.number = t;
    thread.fiber = nullptr;
    thread.index = {t % launch.block.x, t / launch.block.x % launch.block.y,
                    t / launch.block.x / launch.block.y};
    thread.issued.clear();
    thread.committed.clear();
  }
}

/// Shared memory as a block finds it: all bits set, a NaN in every float format.
void set_up_shared(std::size_t dynamic) {
  if (!executor.arena) {
    void* memory =
        mmap(nullptr, kArena, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    executor.arena = static_cast<char*>(memory);
  }
  char* start = executor.arena + kDynamicAt;
#if defined(__SANITIZE_ADDRESS__)
  __asan_poison_memory_region(executor.arena, kArena);
  __asan_unpoison_memory_region(start, dynamic);
#endif
  std::memset(start, 0xFF, dynamic);
  executor.arena_used = kDynamicAt + dynamic;
  executor.shared_bytes = dynamic;
  if (!checker) return;
  checker->begin_block(static_cast<unsigned>(executor.block_serial), executor.arena, kArena);
  if (dynamic) checker->shared_variable(start, dynamic, "dynamic shared memory");
}

void set_up_block(const Launch& launch, std::uint64_t number) {
  const auto x = static_cast<unsigned>(number % launch.grid.x);
  const auto row = number / launch.grid.x;
  blockIdx = {x, static_cast<unsigned>(row % launch.grid.y),
              static_cast<unsigned>(row / launch.grid.y)};
  ++executor.block_serial;
  executor.alive = executor.thread_count;
  executor.barrier = {};
  executor.rounds_without_progress = 0;
  for (unsigned w = 0; w < executor.warp_count; ++w) {
    Warp& warp = executor.warps[w];
    const unsigned lanes = std::min(kWarp, executor.thread_count - w * kWarp);
    warp = {};
    warp.alive = warp.ready = lanes == kWarp ? ~0u : (1u << lanes) - 1;
  }
  for (unsigned t = 0; t < executor.thread_count; ++t) executor.threads[t].waits_in = nullptr;
  executor.most_shared = launch.most_shared;
  set_up_shared(launch.shared);
}

std::vector<std::uint64_t> block_order(const Launch& launch) {
  std::vector<std::uint64_t> blocks(static_cast<std::uint64_t>(launch.grid.x) * launch.grid.y *
                                    launch.grid.z);
  std::iota(blocks.begin(), blocks.end(), std::uint64_t{0});
  if (executor.order == Order::reverse) std::reverse(blocks.begin(), blocks.end());
  if (executor.order == Order::random) std::shuffle(blocks.begin(), blocks.end(), executor.random);
  return blocks;
}

void run_blocks(const Launch& launch) {
  executor.launch = &launch;
  executor.order = options().order;
  executor.random.seed(static_cast<unsigned>(options().seed));
  executor.failed = false;
  describe_own_stack(executor.host);
  set_up_threads(launch);
  blockDim = launch.block;
  gridDim = launch.grid;
  for (const std::uint64_t number : block_order(launch)) {
    set_up_block(launch, number);
    run_block();
  }
}

}  // namespace

void run_grid(const Launch& launch) {
  executor.kernel = function_name(launch.kernel);
  note_launched(launch.kernel);
  if (checker) checker->begin_grid(launch, executor.kernel);
  std::string found;
  try {
    run_blocks(launch);
  } catch (const Failure& failure) {
    found = failure.what();
  }
  executor.launch = nullptr;
  if (checker) {
    const std::string reports = checker->end_grid();
    found += (found.empty() || reports.empty() ? "" : "\n  ") + reports;
  }
  if (!found.empty()) throw Failure("kernel " + executor.kernel + ": " + found);
}

void fail(const char* format, ...) {
  char text[2048];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  kernel_code_runs = false;
  if (!executor.current) throw Failure(text);
  const uint3 thread = executor.current->index;
  char place[128];
  std::snprintf(place, sizeof place, ", in block (%u,%u,%u) thread (%u,%u,%u)", blockIdx.x,
                blockIdx.y, blockIdx.z, thread.x, thread.y, thread.z);
  // Nothing on this stack is destroyed any more: only the executor may own the text.
  executor.failure = text;
  executor.failure += place;
  abandon_block();
}

}  // namespace orchid::simt
