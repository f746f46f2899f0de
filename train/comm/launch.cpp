#include "train/comm/launch.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <optional>
#include <random>

#include "kernels/core/context.h"
#include "train/comm/launch_parts.h"

namespace orchid::train {
namespace {

using Clock = std::chrono::steady_clock;

/// How often the launcher looks for ranks that ended.
constexpr int kLookMs = 200;

std::string random_job() {
  std::random_device random;
  std::string text = "local-";
  for (int i = 0; i < 8; ++i) text += "0123456789abcdef"[random() % 16];
  return text;
}

/// In front of every line; one without an end gets it.
LineStream::Mark prefix(int rank) {
  return [text = str('[', rank, "] ")](const std::string& line) {
    return text + line + (line.ends_with('\n') ? "" : "\n");
  };
}

std::string as_it_is(const std::string& line) {
  return line;
}

class Launch {
 public:
  explicit Launch(const LaunchOptions& options)
      : options_(options), job_(random_job()), post_(options.ranks) {
    listen_at(Reach::everywhere, port_);  // free now, and for a while
  }
  int run();

 private:
  void start(int rank);
  Environment environment_of(int rank) const;
  void hear_signals();
  void note_end(std::size_t rank, int code);
  void signal_all(int signal);
  bool all_ended() const { return std::ranges::all_of(ranks_, &ChildProcess::ended); }

  const LaunchOptions& options_;
  std::string job_;
  int port_ = 0;
  LaunchSignals signals_;
  SignalPost post_;
  std::vector<ChildProcess> ranks_;
  int code_ = 0;           ///< of the rank that failed first
  bool stopping_ = false;  ///< a signal was passed on: ranks end by themselves
  std::optional<Clock::time_point> kill_at_;
};

Environment Launch::environment_of(int rank) const {
  Environment variables = process_environment();
  const std::string world = std::to_string(options_.ranks);
  variables["RANK"] = variables["LOCAL_RANK"] = std::to_string(rank);
  variables["WORLD_SIZE"] = variables["LOCAL_WORLD_SIZE"] = world;
  variables["MASTER_ADDR"] = "127.0.0.1";
  variables["MASTER_PORT"] = std::to_string(port_);
  variables["ORCHID_JOB"] = job_;
  const int share = std::max(1, Context().threads() / options_.ranks);
  variables.try_emplace("OMP_NUM_THREADS", std::to_string(share));
  return variables;
}

void Launch::start(int rank) {
  const bool plain = options_.plain_output && rank == 0;
  ranks_.emplace_back(options_.command, environment_of(rank), plain ? as_it_is : prefix(rank),
                      prefix(rank), options_, signals_.before());
}

void Launch::signal_all(int signal) {
  for (const ChildProcess& rank : ranks_) rank.send(signal);
}

void Launch::note_end(std::size_t rank, int code) {
  if (code == 0) return;
  const bool first = code_ == 0;
  if (first) code_ = code;
  if (!first || all_ended()) return;
  const auto grace = std::chrono::duration<double>(options_.grace_s);
  kill_at_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(grace);
  if (stopping_) return;  // a second signal would keep the others from saving
  write_all(options_.err,
            str("rank ", rank, code > 128 ? " was ended by signal " : " ended with exit code ",
                code > 128 ? code - 128 : code, "; the others are ended\n"));
  signal_all(SIGTERM);
}

void Launch::hear_signals() {
  while (const std::optional<int> signal = signals_.next()) {
    if (*signal == SIGCHLD) continue;
    stopping_ = true;
    post_.take(*signal);
  }
  if (!post_.due()) return;
  std::vector<pid_t> processes;
  for (const ChildProcess& rank : ranks_)
    if (!rank.ended()) processes.push_back(rank.id());
  post_.deliver(processes);
}

int Launch::run() {
  try {
    ranks_.reserve(static_cast<std::size_t>(options_.ranks));
    for (int r = 0; r < options_.ranks; ++r) start(r);
  } catch (...) {
    signal_all(SIGKILL);
    throw;
  }
  while (!all_ended()) {
    wait_for_output(ranks_, signals_, kLookMs);
    hear_signals();
    for (std::size_t r = 0; r < ranks_.size(); ++r)
      if (const std::optional<int> code = ranks_[r].collect()) note_end(r, *code);
    if (kill_at_ && Clock::now() > *kill_at_) signal_all(SIGKILL);
  }
  // What a rank left behind may hold its pipes open: what is in them by now is enough.
  for (ChildProcess& rank : ranks_) {
    rank.out().read_rest();
    rank.err().read_rest();
  }
  return code_;
}

}  // namespace

int launch_ranks(const LaunchOptions& options) {
  ORCHID_CHECK_USAGE(options.ranks >= 1, "ranks: expected at least 1, got ", options.ranks);
  ORCHID_CHECK(!options.command.empty(), "launch: expected a command, got none");
  return Launch(options).run();
}

}  // namespace orchid::train
