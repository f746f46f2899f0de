#pragma once

#include <cstring>
#include <type_traits>

// Barriers, shuffles, votes and warp reductions. Part of tests/simt/builtins.h.

using SimtWhere = orchid::simt::Where;
using SimtAction = orchid::simt::WarpAction;

SIMT_BUILTIN void __syncthreads(SimtWhere where = SimtWhere::current()) {
  orchid::simt::block_barrier(orchid::simt::BarrierResult::none, false, where);
}
SIMT_BUILTIN int __syncthreads_count(int predicate, SimtWhere where = SimtWhere::current()) {
  return orchid::simt::block_barrier(orchid::simt::BarrierResult::count, predicate != 0, where);
}
SIMT_BUILTIN int __syncthreads_and(int predicate, SimtWhere where = SimtWhere::current()) {
  return orchid::simt::block_barrier(orchid::simt::BarrierResult::all, predicate != 0, where);
}
SIMT_BUILTIN int __syncthreads_or(int predicate, SimtWhere where = SimtWhere::current()) {
  return orchid::simt::block_barrier(orchid::simt::BarrierResult::any, predicate != 0, where);
}
SIMT_BUILTIN void __threadfence() {
  orchid::simt::thread_fence();
}
SIMT_BUILTIN void __threadfence_block() {}
SIMT_BUILTIN void __threadfence_system() {
  orchid::simt::thread_fence();
}
SIMT_BUILTIN void __nanosleep(unsigned, SimtWhere where = SimtWhere::current()) {
  orchid::simt::yield(where);
}
[[noreturn]] SIMT_BUILTIN void __trap() {
  orchid::simt::fail("__trap()");
}

SIMT_BUILTIN void __syncwarp(unsigned mask = ~0u, SimtWhere where = SimtWhere::current()) {
  orchid::simt::warp_collective(
      {.action = SimtAction::sync, .mask = mask, .name = "__syncwarp", .where = where});
}

#define SIMT_SHUFFLE(function, kind, Argument)                                         \
  template <class T>                                                                   \
  SIMT_BUILTIN T function(unsigned mask, T value, Argument argument, int width = 32,   \
                          SimtWhere where = SimtWhere::current()) {                    \
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8 && sizeof(T) >= 2, \
                  "shuffled values have 2, 4 or 8 bytes");                             \
    std::uint64_t bits = 0;                                                            \
    std::memcpy(&bits, &value, sizeof(T));                                             \
    bits = orchid::simt::warp_collective({.action = SimtAction::kind,                  \
                                          .mask = mask,                                \
                                          .in = bits,                                  \
                                          .argument = static_cast<int>(argument),      \
                                          .width = width,                              \
                                          .name = #function,                           \
                                          .where = where});                            \
    std::memcpy(&value, &bits, sizeof(T));                                             \
    return value;                                                                      \
  }
SIMT_SHUFFLE(__shfl_sync, shuffle, int)
SIMT_SHUFFLE(__shfl_up_sync, shuffle_up, unsigned)
SIMT_SHUFFLE(__shfl_down_sync, shuffle_down, unsigned)
SIMT_SHUFFLE(__shfl_xor_sync, shuffle_xor, int)
#undef SIMT_SHUFFLE

/// The input goes to 64 bits with its sign, so that one signed comparison serves both kinds.
#define SIMT_VOTE(function, kind, Input, Output)                             \
  SIMT_BUILTIN Output function(unsigned mask, Input input,                   \
                               SimtWhere where = SimtWhere::current()) {     \
    return static_cast<Output>(orchid::simt::warp_collective(                \
        {.action = SimtAction::kind,                                         \
         .mask = mask,                                                       \
         .in = static_cast<std::uint64_t>(static_cast<std::int64_t>(input)), \
         .name = #function,                                                  \
         .where = where}));                                                  \
  }
SIMT_VOTE(__ballot_sync, ballot, int, unsigned)
SIMT_VOTE(__any_sync, any, int, int)
SIMT_VOTE(__all_sync, all, int, int)
SIMT_VOTE(__reduce_add_sync, add, unsigned, unsigned)
SIMT_VOTE(__reduce_add_sync, add, int, int)
SIMT_VOTE(__reduce_min_sync, minimum, unsigned, unsigned)
SIMT_VOTE(__reduce_min_sync, minimum, int, int)
SIMT_VOTE(__reduce_max_sync, maximum, unsigned, unsigned)
SIMT_VOTE(__reduce_max_sync, maximum, int, int)
SIMT_VOTE(__reduce_and_sync, bits_and, unsigned, unsigned)
SIMT_VOTE(__reduce_or_sync, bits_or, unsigned, unsigned)
SIMT_VOTE(__reduce_xor_sync, bits_xor, unsigned, unsigned)
SIMT_VOTE(__match_any_sync, match_any, unsigned, unsigned)
SIMT_VOTE(__match_any_sync, match_any, int, unsigned)
#undef SIMT_VOTE
