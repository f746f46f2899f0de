#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>

/// What the CUDA built-ins of a host-compiled kernel ask of the executor. All of it is compiled
/// without instrumentation, in the executor's own sources.
namespace orchid::simt {

using Where = std::source_location;

/// Ends the running kernel: the launch fails with this text, the block and the thread.
[[noreturn]] void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));

enum class WarpAction : std::uint8_t {
  sync,
  shuffle,
  shuffle_up,
  shuffle_down,
  shuffle_xor,
  ballot,
  any,
  all,
  add,
  minimum,
  maximum,
  bits_and,
  bits_or,
  bits_xor,
  match_any,
  exchange_matrices,
  multiply_matrices,
};

/// One lane's part of a warp collective. The last lane of the mask to arrive computes `out` of all.
struct WarpCall {
  WarpAction action;
  std::uint32_t mask;
  std::uint64_t in = 0;
  int argument = 0;  ///< lane, distance or lane mask of a shuffle
  int width = 32;    ///< lanes a shuffle stays within
  const char* name;
  Where where;
  std::uint64_t out = 0;
  void* data = nullptr;  ///< operands and results that are more than a word
};
std::uint64_t warp_collective(WarpCall call);

/// ldmatrix of four 8 x 8 matrices, once each lane has read its row of 16 bytes, and mma of
/// m16n8k16 in bf16: kernels/cuda/device/tensor_core.cuh says which lane has what.
const void* matrix_row(const void* row, Where where = Where::current());  ///< checks its alignment
void exchange_matrices(const void* row, bool transposed, std::uint32_t* to,
                       Where where = Where::current());
void multiply_matrices(float* d, const std::uint32_t* a, std::uint32_t b0, std::uint32_t b1,
                       Where where = Where::current());

enum class BarrierResult : std::uint8_t { none, count, all, any };
/// __syncthreads and its voting forms: waits for every thread of the block that has not ended.
int block_barrier(BarrierResult result, bool predicate, Where where);

/// Lets all others run first: what a loop that waits for another thread must do.
void yield(Where where);
void thread_fence();
std::uint32_t lane();

/// Atomics: no other thread runs between begin and end. `begin` returns the bits that are there.
std::uint64_t begin_atomic(void* address, std::size_t bytes, Where where);
void end_atomic(void* address, std::size_t bytes, std::uint64_t bits);

/// Where a shared variable lies in the current block; one per ORCHID_SHARED.
struct SharedSlot {
  std::uint64_t block = 0;  ///< serial number of the block that `address` belongs to
  void* address = nullptr;
};
void* shared_variable(SharedSlot& slot, std::size_t bytes, std::size_t alignment, const char* name);
void* dynamic_shared_memory();

/// cp.async: the bytes land at the wait, the latest moment CUDA allows; until then `to` is
/// poisoned.
void issue_async_copy(void* to, const void* from, std::size_t bytes);
void commit_async_copies();
/// Lands all but the last `pending` groups this thread committed.
void wait_async_copies(unsigned pending);

}  // namespace orchid::simt
