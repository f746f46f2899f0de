#pragma once

#include <functional>
#include <string>

#include "kernels/core/error.h"

namespace orchid::data {

/// Asked now and then during long work; true: it shall end. Called by one thread at a time.
using Stop = std::function<bool()>;

/// What leaves work that was told to stop. Files that were not finished are gone by then.
class Interrupted : public Error {
 public:
  explicit Interrupted(const std::string& what_remains)
      : Error("interrupted: " + what_remains), what_remains_(what_remains) {}
  const std::string& what_remains() const { return what_remains_; }

 private:
  std::string what_remains_;
};

inline void leave_if(const Stop& stop, const std::string& what_remains = "nothing was written") {
  if (stop && stop()) throw Interrupted(what_remains);
}

}  // namespace orchid::data
