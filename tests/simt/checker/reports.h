#pragma once

#include <map>
#include <string>
#include <utility>

namespace orchid::simt {

/// What was found in one launch: once for each kind and instruction.
class Reports {
 public:
  /// `text` is asked for the first time only.
  template <class Text>
  void add(const char* kind, const void* code, const Text& text) {
    Entry& entry = entries_[{kind, code}];
    if (entry.count++ == 0) entry.text = text();
  }
  /// The first few with their places in the source; then forgets all. Empty if there are none.
  std::string take();

 private:
  struct Entry {
    unsigned count = 0;
    std::string text;
  };
  std::map<std::pair<std::string, const void*>, Entry> entries_;
};

}  // namespace orchid::simt
