#include "train/comm/store.h"

#include <chrono>
#include <thread>

#include "kernels/core/error.h"

namespace orchid::train {

bool Store::try_set(const std::string& key, const std::string& value, double /*seconds*/) {
  try {
    set(key, value);
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::string wait_for(Store& store, const std::string& key, double deadline_s,
                     const std::string& what) {
  const auto begin = std::chrono::steady_clock::now();
  for (;;) {
    if (const std::optional<std::string> value = store.get(key)) return *value;
    const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - begin;
    ORCHID_CHECK(waited.count() < deadline_s, "waiting for ", what, ": not there within ",
                 deadline_s, " s");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace orchid::train
