#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace orchid::train {

/// A child process of this program that trains one run. It saves and stops when this process dies,
/// however that comes about; signals from a terminal reach it through this process alone.
class Worker {
 public:
  /// Starts `orchid ARGUMENTS...`; its output is appended to `log`.
  Worker(const std::vector<std::string>& arguments, const std::filesystem::path& log);
  ~Worker();
  Worker(Worker&& other) noexcept;
  Worker& operator=(Worker&&) = delete;

  /// Whether it has ended; its exit code then (128 + N for signal N).
  bool ended();
  int exit_code() const { return exit_code_; }
  void signal(int number) const;

 private:
  int process_ = -1;
  int exit_code_ = 0;
};

}  // namespace orchid::train
