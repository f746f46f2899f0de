#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/simt/control.h"
#include "tests/simt/launch.h"

namespace orchid::simt {

/// Watches every access of kernels. Exists only in checked libraries, whose kernels are compiled to
/// call it (tests/simt/checker); elsewhere `checker` is null.
class Checker {
 public:
  virtual ~Checker() = default;

  virtual void begin_grid(const Launch& launch, const std::string& kernel) = 0;
  /// The text of what was found, empty if nothing.
  virtual std::string end_grid() = 0;
  virtual void begin_block(unsigned serial, const char* arena, std::size_t bytes) = 0;
  virtual void shared_variable(const void* address, std::size_t bytes, const char* name) = 0;
  virtual void block_barrier() = 0;
  virtual void warp_barrier(unsigned warp, std::uint32_t mask) = 0;
  /// The thread that runs from here, and its stack, which is its own.
  virtual void resume(unsigned thread, const char* stack, std::size_t bytes) = 0;
  virtual void fence() = 0;
  virtual void atomic(const void* address, std::size_t bytes, const void* code) = 0;
  /// An asynchronous copy was issued: `to` is undefined until it lands.
  virtual void issue_copy(const void* to, const void* from, std::size_t bytes,
                          const void* code) = 0;
  virtual void land_copy(const void* to, std::size_t bytes, const void* code) = 0;

  virtual void allocate(const void* block, std::size_t bytes) = 0;
  virtual void release(const void* block, std::size_t bytes) = 0;
  /// Copies, fills and host stand-ins wrote here.
  virtual void write_whole(const void* address, std::size_t bytes) = 0;
  virtual std::vector<Traffic> traffic_of(const std::string& file) = 0;
};
extern Checker* checker;

/// True while code of a kernel runs, false in the executor: only accesses of kernels are checked.
extern bool kernel_code_runs;

}  // namespace orchid::simt
