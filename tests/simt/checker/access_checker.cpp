// What happens on each access of a kernel.

#include "tests/simt/checker/access_checker.h"

#include <cstring>

#include "tests/simt/checker/traffic.h"
#include "tests/simt/device/memory.h"
#include "tests/simt/executor.h"
#include "tests/simt/options.h"
#include "tests/simt/symbols.h"

namespace orchid::simt {
namespace {

const char* verb(AccessKind kind) {
  return kind == AccessKind::read ? "read" : kind == AccessKind::write ? "write" : "atomic";
}

}  // namespace

std::string AccessChecker::describe(std::uint32_t thread) const {
  const uint3 block = blocks_[thread / thread_count_];
  const unsigned t = thread % thread_count_;
  char text[128];
  std::snprintf(text, sizeof text, "block (%u,%u,%u) thread (%u,%u,%u)", block.x, block.y, block.z,
                t % block_.x, t / block_.x % block_.y, t / block_.x / block_.y);
  return text;
}

Access AccessChecker::current_access(const void* code) const {
  const auto block = static_cast<std::uint32_t>(blocks_.size() - 1);
  return {.thread = block * thread_count_ + thread_,
          .stamp = barriers_ << 16 | lanes_[thread_].clock,
          .time = time_,
          .code = static_cast<std::uint32_t>(static_cast<const char*>(code) - program_.start)};
}

/// Going on would touch memory that belongs to something else: the block ends here.
void AccessChecker::stop(const std::string& text, const void* code) {
  fail("%s at %s", text.c_str(), code_location(code).c_str());
}

void AccessChecker::report(const char* kind, const void* code, const std::string& text) {
  reports_.add(kind, code, [&] { return text; });
}

void AccessChecker::access(const void* pointer, std::size_t bytes, AccessKind kind,
                           const void* code) {
  const auto* address = static_cast<const char*>(pointer);
  if (stack_.has(address)) return;
  ++time_;
  if (arena_.has(address)) return shared_access(address, bytes, kind, code);
  if (device_memory().contains(address)) return device_access(address, bytes, kind, code);
  if (parameters_.has(address) || program_.has(address) || executor_.has(address)) return;
  stop(std::string("host memory: a kernel's ") + verb(kind) + " of " + std::to_string(bytes) +
           " bytes",
       code);
}

void AccessChecker::check_alignment(const char* address, std::size_t bytes, const void* code) {
  const bool power = (bytes & (bytes - 1)) == 0 && bytes <= 16;
  if (!power || reinterpret_cast<std::uintptr_t>(address) % bytes == 0) return;
  reports_.add("misaligned", code, [&] {
    return "access of " + std::to_string(bytes) + " bytes by " +
           describe(current_access(code).thread);
  });
}

void AccessChecker::shared_access(const char* address, std::size_t bytes, AccessKind kind,
                                  const void* code) {
  const auto offset = static_cast<std::size_t>(address - arena_.start);
  if (offset + bytes > arena_.bytes || !in_variable_[offset] || !in_variable_[offset + bytes - 1])
    stop(std::string("out of bounds: ") + verb(kind) + " of " + std::to_string(bytes) +
             " bytes of shared memory outside every variable",
         code);
  check_alignment(address, bytes, code);
  if (kind != AccessKind::write && !shared_.all_written(offset, bytes))
    reports_.add("uninitialised", code, [&] {
      return "shared memory that no thread of the block wrote, read by " +
             describe(current_access(code).thread);
    });
  if (kind != AccessKind::read) shared_.set_written(offset, bytes, true);
  check_races(shared_, offset, bytes, kind, code, block_serial_, "shared");
  if (options().count_traffic)
    traffic_counter.note(thread_ / 32, thread_ % 32, code, offset, bytes, kind != AccessKind::read,
                         true);
}

bool AccessChecker::check_bounds(const char* address, std::size_t bytes, AccessKind) {
  if (valid_.has(address) && valid_.has(address + bytes - 1)) return true;
  if (!device_memory().valid(address, bytes)) return false;
  const auto [start, size] = device_memory().block_at(address);
  valid_ = {start, size};
  return true;
}

void AccessChecker::device_access(const char* address, std::size_t bytes, AccessKind kind,
                                  const void* code) {
  if (!check_bounds(address, bytes, kind)) {
    std::string near;
    if (const auto [start, size] = device_memory().block_at(address); start)
      near = ", " + std::to_string(address - start) + " bytes after the start of one of " +
             std::to_string(size);
    stop(std::string("out of bounds: ") + verb(kind) + " of " + std::to_string(bytes) +
             " bytes of global memory outside every block" + near,
         code);
  }
  check_alignment(address, bytes, code);
  const auto offset = static_cast<std::size_t>(address - device_.base());
  if (kind != AccessKind::write && !device_.all_written(offset, bytes))
    reports_.add("uninitialised", code, [&] {
      return "global memory that nothing wrote, read by " + describe(current_access(code).thread);
    });
  if (kind != AccessKind::read) device_.set_written(offset, bytes, true);
  check_races(device_, offset, bytes, kind, code, generation_, "global");
  if (options().count_traffic)
    traffic_counter.note(thread_ / 32, thread_ % 32, code,
                         reinterpret_cast<std::uintptr_t>(address), bytes, kind != AccessKind::read,
                         false);
}

/// True if `before` comes before `now` on every GPU.
bool AccessChecker::ordered(const Access& before, const Access& now) const {
  if (before.thread == now.thread) return true;
  const std::uint32_t first = before.thread / thread_count_, second = now.thread / thread_count_;
  if (first != second) {
    const auto from = orders_.find(first), to = orders_.find(second);
    return from != orders_.end() && to != orders_.end() && before.time <= from->second.released &&
           to->second.acquired > from->second.released_at;
  }
  if (before.stamp >> 16 < barriers_) return true;
  const unsigned one = before.thread % thread_count_, two = now.thread % thread_count_;
  return one / 32 == two / 32 && (before.stamp & 0xffff) < lanes_[two].seen[one % 32];
}

void AccessChecker::report_race(const char* space, const void* code, AccessKind kind,
                                const Access& now, AccessKind other_kind, const Access& before) {
  reports_.add("race", code, [&] {
    return std::string(verb(kind)) + " of " + space + " memory by " + describe(now.thread) +
           " is not ordered after the " + verb(other_kind) + " by " + describe(before.thread) +
           " at " + code_location(program_.start + before.code);
  });
}

void AccessChecker::check_cell(Cell& cell, Access now, AccessKind kind, const char* space,
                               const void* code) {
  const bool both_atomic = kind == AccessKind::atomic && cell.atomic;
  if ((cell.write.bytes & now.bytes) && !both_atomic && !ordered(cell.write, now))
    report_race(space, code, kind, now, cell.atomic ? AccessKind::atomic : AccessKind::write,
                cell.write);
  if (kind == AccessKind::read) {
    Access& first = cell.reads[0];
    (first.bytes == 0 || first.thread == now.thread ? first : cell.reads[1]) = now;
    return;
  }
  for (Access& read : cell.reads) {
    if ((read.bytes & now.bytes) && !ordered(read, now)) {
      report_race(space, code, kind, now, AccessKind::read, read);
      break;
    }
  }
  cell.write = now;
  cell.atomic = kind == AccessKind::atomic;
  cell.reads = {};
}

void AccessChecker::check_races(Shadow& shadow, std::size_t offset, std::size_t bytes,
                                AccessKind kind, const void* code, std::uint32_t generation,
                                const char* space) {
  Access now = current_access(code);
  for (std::size_t at = offset, end = offset + bytes; at < end;) {
    const std::size_t next = std::min(at / 2 * 2 + 2, end);
    now.bytes = static_cast<std::uint8_t>(at % 2 == 1 ? 2 : next - at == 2 ? 3 : 1);
    Cell& cell = shadow.cell(at);
    if (cell.generation != generation) {
      cell = Cell{};
      cell.generation = generation;
    }
    check_cell(cell, now, kind, space, code);
    at = next;
  }
}

void AccessChecker::atomic(const void* address, std::size_t bytes, const void* code) {
  if (blocks_.empty()) return;
  access(address, bytes, AccessKind::atomic, code);
  BlockOrder& order = orders_[static_cast<std::uint32_t>(blocks_.size() - 1)];
  order.acquired = time_;
  if (fenced_ > order.released) {
    order.released = fenced_;
    order.released_at = time_;
  }
}

void AccessChecker::issue_copy(const void* to, const void* from, std::size_t bytes,
                               const void* code) {
  access(from, bytes, AccessKind::read, code);
  access(to, bytes, AccessKind::write, code);
  const auto offset = static_cast<std::size_t>(static_cast<const char*>(to) - arena_.start);
  if (offset < arena_.bytes) shared_.set_written(offset, bytes, false);
}

void AccessChecker::land_copy(const void* to, std::size_t bytes, const void* code) {
  access(to, bytes, AccessKind::write, code);
}

}  // namespace orchid::simt
