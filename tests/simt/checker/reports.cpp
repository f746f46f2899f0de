#include "tests/simt/checker/reports.h"

#include "tests/simt/symbols.h"

namespace orchid::simt {

std::string Reports::take() {
  constexpr unsigned kMost = 4;
  std::string all;
  unsigned number = 0;
  for (const auto& [key, entry] : entries_) {
    if (number++ == kMost) {
      all += "\n  and " + std::to_string(entries_.size() - kMost) + " more";
      break;
    }
    const auto& [kind, code] = key;
    if (!all.empty()) all += "\n  ";
    all += kind + (code ? " at " + code_location(code) : "") + ": " + entry.text + " [" +
           std::to_string(entry.count) + " times]";
  }
  entries_.clear();
  return all;
}

}  // namespace orchid::simt
