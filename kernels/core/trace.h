#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace orchid {

/// Adds up time and calls per op. One per Context; used from one thread.
class Trace {
 public:
  struct Entry {
    std::string name;
    std::int64_t calls = 0;
    double seconds = 0;
  };

  void add(const char* name, double seconds);
  void clear() { totals_.clear(); }
  /// Slowest first.
  std::vector<Entry> entries() const;
  double total_seconds() const;

 private:
  struct Total {
    std::int64_t calls = 0;
    double seconds = 0;
  };
  std::map<std::string, Total, std::less<>> totals_;
};

/// Times its own lifetime into `trace`; does nothing without one.
class TraceScope {
 public:
  TraceScope(Trace* trace, const char* name) : trace_(trace), name_(name) {
    if (trace_) start_ = std::chrono::steady_clock::now();
  }
  ~TraceScope() {
    if (!trace_) return;
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
    trace_->add(name_, elapsed.count());
  }
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;

 private:
  Trace* trace_;
  const char* name_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace orchid
