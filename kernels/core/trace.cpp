#include "kernels/core/trace.h"

#include <algorithm>

namespace orchid {

void Trace::add(const char* name, double seconds) {
  auto found = totals_.find(name);
  if (found == totals_.end()) found = totals_.emplace(name, Total{}).first;
  ++found->second.calls;
  found->second.seconds += seconds;
}

std::vector<Trace::Entry> Trace::entries() const {
  std::vector<Entry> list;
  for (const auto& [name, total] : totals_) list.push_back({name, total.calls, total.seconds});
  std::stable_sort(list.begin(), list.end(),
                   [](const Entry& a, const Entry& b) { return a.seconds > b.seconds; });
  return list;
}

double Trace::total_seconds() const {
  double sum = 0;
  for (const auto& [name, total] : totals_) sum += total.seconds;
  return sum;
}

}  // namespace orchid
