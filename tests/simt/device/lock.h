#pragma once

#include <mutex>

namespace orchid::simt {

/// The device does one thing at a time; every function of the runtime holds this.
class Lock {
 public:
  Lock() : guard_(mutex()) {}

 private:
  static std::recursive_mutex& mutex() {
    static std::recursive_mutex mutex;
    return mutex;
  }
  std::lock_guard<std::recursive_mutex> guard_;
};

}  // namespace orchid::simt
