#pragma once

#include <chrono>
#include <csignal>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "train/comm/launch.h"
#include "train/comm/rendezvous.h"
#include "train/comm/socket.h"

// What launchers are made of.

namespace orchid::train {

void write_all(int descriptor, std::string_view text);

/// The reading end of a pipe, whose lines go on marked.
class LineStream {
 public:
  /// Of a line with its end, which the last one may lack.
  using Mark = std::function<std::string(const std::string& line)>;
  LineStream(Mark mark, int to);

  bool open() const { return reads_.open(); }
  int handle() const { return reads_.handle(); }
  int child_end() const { return writes_.handle(); }
  void close_child_end() { writes_ = Descriptor(); }
  /// Takes some of what is there; at the end closes.
  void read();
  /// All that is there by now.
  void read_rest();

 private:
  Mark mark_;
  int to_;
  Descriptor reads_, writes_;
  std::string partial_;
};

/// As long as it lives, SIGTERM, SIGINT, SIGUSR1 and SIGCHLD arrive here and interrupt nothing.
class LaunchSignals {
 public:
  LaunchSignals();
  ~LaunchSignals();
  LaunchSignals(const LaunchSignals&) = delete;
  LaunchSignals& operator=(const LaunchSignals&) = delete;

  int handle() const { return arrives_.handle(); }
  /// What was blocked before; with these signals too, for a child that is to hear none of them.
  const sigset_t& before() const { return before_; }
  sigset_t deaf() const;
  std::optional<int> next();

 private:
  sigset_t before_;
  std::vector<std::pair<int, struct sigaction>> handlers_;  ///< as they were
  Descriptor arrives_;
};

/// Signals on their way to ranks, which need not be there yet. Each rank gets each of them once,
/// and as soon as it catches them: one that is still starting would die of them, and nobody hear
/// why.
class SignalPost {
 public:
  /// A rank that was seen for so long and does not catch a signal gets it nevertheless.
  static constexpr double kMostWait_s = 5;

  explicit SignalPost(int ranks) : ranks_(static_cast<std::size_t>(ranks)) {}
  void take(int signal);
  /// Some rank lacks a signal, and was not looked for just now.
  bool due() const;
  /// To those of these processes, all of them ranks, that lack one.
  void deliver(const std::vector<pid_t>& processes);

 private:
  using Clock = std::chrono::steady_clock;
  struct Letter {
    int signal = 0;
    std::size_t delivered = 0;
    std::map<pid_t, std::optional<Clock::time_point>> waits_since{};  ///< nothing: it has it
  };

  std::size_t ranks_;
  std::vector<Letter> letters_;
  Clock::time_point looked_{};
};

/// A program in a process group of its own, that ends with the launcher at the latest.
class ChildProcess {
 public:
  ChildProcess(std::vector<std::string> command, const Environment& variables,
               LineStream::Mark out_mark, LineStream::Mark err_mark, const LaunchOptions& options,
               const sigset_t& blocked);

  pid_t id() const { return process_; }
  bool ended() const { return ended_; }
  LineStream& out() { return out_; }
  LineStream& err() { return err_; }
  /// Its exit code, once, when it has ended; 128 + n: by signal n.
  std::optional<int> collect();
  void send(int signal) const;

 private:
  /// In the child, where nothing may be allocated.
  [[noreturn]] void become(char* const* arguments, char* const* environment,
                           const sigset_t& blocked) const;

  pid_t process_ = -1;
  bool ended_ = false;
  LineStream out_, err_;
};

/// Waits for output or a signal, and passes on what there is.
void wait_for_output(std::vector<ChildProcess>& children, const LaunchSignals& signals,
                     int milliseconds);

}  // namespace orchid::train
