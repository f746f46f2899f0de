#pragma once

#include <array>
#include <unordered_map>
#include <vector>

#include <vector_types.h>

#include "tests/simt/checker.h"
#include "tests/simt/checker/reports.h"
#include "tests/simt/checker/shadow.h"

namespace orchid::simt {

enum class AccessKind : std::uint8_t { read, write, atomic };

/// The checker: races, reads of what nobody wrote, bounds, alignment, host memory.
class AccessChecker final : public Checker {
 public:
  /// Called before each access of a kernel; `code` follows the instruction.
  void access(const void* address, std::size_t bytes, AccessKind kind, const void* code);
  void report(const char* kind, const void* code, const std::string& text);

  void begin_grid(const Launch& launch, const std::string& kernel) override;
  std::string end_grid() override;
  void begin_block(unsigned serial, const char* arena, std::size_t bytes) override;
  void shared_variable(const void* address, std::size_t bytes, const char* name) override;
  void block_barrier() override { ++barriers_; }
  void warp_barrier(unsigned warp, std::uint32_t mask) override;
  void resume(unsigned thread, const char* stack, std::size_t bytes) override;
  void fence() override { fenced_ = time_; }
  void atomic(const void* address, std::size_t bytes, const void* code) override;
  void issue_copy(const void* to, const void* from, std::size_t bytes, const void* code) override;
  void land_copy(const void* to, std::size_t bytes, const void* code) override;
  void allocate(const void* block, std::size_t bytes) override;
  void release(const void* block, std::size_t bytes) override;
  void write_whole(const void* address, std::size_t bytes) override;
  std::vector<Traffic> traffic_of(const std::string& file) override;

 private:
  struct Span {
    const char* start = nullptr;
    std::size_t bytes = 0;
    bool has(const char* address) const {
      return static_cast<std::size_t>(address - start) < bytes;
    }
  };
  /// One lane's clock, and what it knows of the other lanes' by __syncwarp.
  struct Lane {
    std::uint16_t clock = 1;
    std::array<std::uint16_t, 32> seen{};
  };
  /// Blocks are ordered only by a fence and an atomic in one, then an atomic in the other.
  struct BlockOrder {
    std::uint32_t released = 0;  ///< accesses before this time
    std::uint32_t released_at = 0;
    std::uint32_t acquired = 0;
  };

  void shared_access(const char* address, std::size_t bytes, AccessKind kind, const void* code);
  void device_access(const char* address, std::size_t bytes, AccessKind kind, const void* code);
  bool check_bounds(const char* address, std::size_t bytes, AccessKind kind);
  void check_alignment(const char* address, std::size_t bytes, const void* code);
  void check_races(Shadow& shadow, std::size_t offset, std::size_t bytes, AccessKind kind,
                   const void* code, std::uint32_t generation, const char* space);
  void check_cell(Cell& cell, Access access, AccessKind kind, const char* space, const void* code);
  bool ordered(const Access& before, const Access& now) const;
  void report_race(const char* space, const void* code, AccessKind kind, const Access& now,
                   AccessKind other_kind, const Access& before);
  std::string describe(std::uint32_t thread) const;
  Access current_access(const void* code) const;
  [[noreturn]] void stop(const std::string& text, const void* code);

  Reports reports_;
  dim3 block_;
  unsigned thread_count_ = 1;
  std::uint32_t generation_ = 0;  ///< of global memory: launches
  std::uint32_t time_ = 1;
  Span parameters_, stack_;
  Span program_, executor_;  ///< what the kernel and the built-ins belong to: constants lie there
  Span valid_;               ///< part of the block that was accessed last

  std::vector<uint3> blocks_;  ///< index, in the order they ran
  std::unordered_map<std::uint32_t, BlockOrder> orders_;
  std::uint32_t fenced_ = 0;
  std::uint32_t barriers_ = 1;
  std::uint32_t block_serial_ = 0;
  std::vector<Lane> lanes_;
  unsigned thread_ = 0;

  Shadow device_, shared_;
  Span arena_;
  std::vector<bool> in_variable_;  ///< bytes of the arena
  std::size_t arena_used_ = 0;
};

extern AccessChecker access_checker;

}  // namespace orchid::simt
