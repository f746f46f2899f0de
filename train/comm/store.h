#pragma once

#include <memory>
#include <optional>
#include <string>

namespace orchid::train {

/// A few small texts that all ranks of a job can write and read, from any thread.
class Store {
 public:
  virtual ~Store() = default;
  virtual void set(const std::string& key, const std::string& value) = 0;
  virtual std::optional<std::string> get(const std::string& key) = 0;
  /// Last words of a rank that has failed already: false where nobody took them in so many seconds.
  virtual bool try_set(const std::string& key, const std::string& value, double seconds);
};

/// The value, as soon as some rank has set it; an Error that says what for after the deadline.
std::string wait_for(Store&, const std::string& key, double deadline_s, const std::string& what);

}  // namespace orchid::train
