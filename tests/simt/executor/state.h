#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/simt/checker.h"
#include "tests/simt/executor.h"
#include "tests/simt/executor/fiber.h"
#include "tests/simt/options.h"

/// The one block that is being executed: shared by the sources of this folder only.
namespace orchid::simt {

inline constexpr unsigned kWarp = 32;
inline constexpr unsigned kMostThreads = 1024;
inline constexpr std::size_t kArena = 256 * 1024;  ///< shared memory of a block and its red zones
inline constexpr std::size_t kRedZone = 64;
inline constexpr std::size_t kDynamicAt = 1024;  ///< where dynamic shared memory starts in it

struct AsyncCopy {
  void* to;
  const void* from;
  std::size_t bytes;
};

struct Thread {
  uint3 index{};
  unsigned number = 0;  ///< in the block
  Fiber* fiber = nullptr;
  const char* waits_in = nullptr;  ///< name of the last synchronisation, for reports
  Where where;
  std::vector<AsyncCopy> issued;
  std::vector<std::vector<AsyncCopy>> committed;

  unsigned warp() const { return number / kWarp; }
  unsigned lane() const { return number % kWarp; }
  std::uint32_t bit() const { return 1u << lane(); }
};

/// Where the lanes of a warp are, one bit each.
struct Warp {
  std::uint32_t alive = 0;
  std::uint32_t ready = 0;
  std::uint32_t yielded = 0;
  std::uint32_t in_barrier = 0;
  std::uint32_t in_collective = 0;
  WarpCall* calls[kWarp] = {};
};

struct Barrier {
  unsigned arrived = 0;
  int count = 0;
  int last_count = 0;  ///< of the barrier that was passed last
  unsigned last_arrived = 0;
};

struct Executor {
  const Launch* launch = nullptr;
  std::string kernel;
  unsigned thread_count = 0, warp_count = 0;
  Thread threads[kMostThreads];
  Warp warps[kWarp];
  Barrier barrier;
  unsigned alive = 0;  ///< threads

  Thread* current = nullptr;
  Fiber* fiber = nullptr;  ///< that runs
  Fiber host;
  std::vector<Fiber*> fibers, idle_fibers;

  unsigned cursor = 0;  ///< warp to look at next
  Order order = Order::forward;
  std::minstd_rand random;
  unsigned rounds_without_progress = 0;
  unsigned atomics = 0;

  char* arena = nullptr;
  std::size_t arena_used = 0;
  std::size_t shared_bytes = 0;  ///< without red zones
  std::size_t most_shared = 0;   ///< of them
  std::uint64_t block_serial = 0;

  bool failed = false;
  std::string failure;

  ~Executor();
};
extern Executor executor;

/// The current thread has put itself where something will make it ready: runs others until then.
void run_others();
/// Runs all threads of the block that `executor` was set up for; throws Failure.
void run_block();
/// Gives up the block, for the reason in `failure`; called in a kernel's thread.
[[noreturn]] void abandon_block();
void complete_collectives(unsigned warp);
/// Of the calls of all 32 lanes, which `lanes` must be.
void complete_exchange(WarpCall* const* calls, std::uint32_t lanes);
void complete_product(WarpCall* const* calls, std::uint32_t lanes);
void complete_barrier();
void give_up_fibers();

}  // namespace orchid::simt
