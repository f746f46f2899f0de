#include "train/comm/launch.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>
#include <random>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/core/context.h"
#include "train/comm/rendezvous.h"
#include "train/comm/socket.h"

namespace orchid::train {
namespace {

using Clock = std::chrono::steady_clock;

/// A line longer than this is written in parts.
constexpr std::size_t kMostLine = std::size_t{64} << 10;
constexpr int kForwarded[] = {SIGTERM, SIGINT, SIGUSR1};

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno != EINTR) return;  // nobody reads it any more
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// The reading end of a pipe, whose lines go on with a prefix.
class Stream {
 public:
  Stream(std::string prefix, int to) : prefix_(std::move(prefix)), to_(to) {
    int ends[2];
    ORCHID_CHECK(pipe2(ends, O_CLOEXEC) == 0, "launch: a pipe: ", std::strerror(errno));
    reads_ = Descriptor(ends[0]);
    writes_ = Descriptor(ends[1]);
  }

  bool open() const { return reads_.open(); }
  int handle() const { return reads_.handle(); }
  int child_end() const { return writes_.handle(); }
  void close_child_end() { writes_ = Descriptor(); }

  /// Takes what is there; at the end closes.
  void read() {
    char buffer[16384];
    const ssize_t got = ::read(reads_.handle(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) return;
    if (got > 0) partial_.append(buffer, static_cast<std::size_t>(got));
    std::string lines;
    for (std::size_t end; (end = partial_.find('\n')) != std::string::npos;
         partial_.erase(0, end + 1))
      lines += prefix_ + partial_.substr(0, end + 1);
    const bool whole = got <= 0 || partial_.size() > kMostLine;
    if (whole && !partial_.empty()) {
      lines += prefix_ + partial_ + (prefix_.empty() ? "" : "\n");
      partial_.clear();
    }
    write_all(to_, lines);
    if (got <= 0) reads_ = Descriptor();
  }

 private:
  std::string prefix_;
  int to_;
  Descriptor reads_, writes_;
  std::string partial_;
};

/// The signals that concern the launcher arrive here instead of interrupting it.
class Signals {
 public:
  Signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : kForwarded) sigaddset(&set, signal);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, &before_);
    arrives_ = Descriptor(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    ORCHID_CHECK(arrives_.open(), "launch: signalfd: ", std::strerror(errno));
  }
  ~Signals() { sigprocmask(SIG_SETMASK, &before_, nullptr); }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  int handle() const { return arrives_.handle(); }
  const sigset_t& before() const { return before_; }
  std::optional<int> next() {
    signalfd_siginfo info;
    if (::read(arrives_.handle(), &info, sizeof info) != sizeof info) return std::nullopt;
    return static_cast<int>(info.ssi_signo);
  }

 private:
  sigset_t before_;
  Descriptor arrives_;
};

std::string random_job() {
  std::random_device random;
  std::string text = "local-";
  for (int i = 0; i < 8; ++i) text += "0123456789abcdef"[random() % 16];
  return text;
}

class Launch {
 public:
  explicit Launch(const LaunchOptions& options) : options_(options), job_(random_job()) {
    listen_everywhere(port_);  // free now, and for a while
  }
  int run();

 private:
  struct Rank {
    pid_t process = -1;
    bool ended = false;
    std::vector<Stream> streams;
  };

  void start(int rank);
  [[noreturn]] void become(const Rank&, char* const* arguments, char* const* environment) const;
  Environment environment_of(int rank) const;
  void wait_for_events();
  void hear_signals();
  void collect_ended();
  void note_end(std::size_t rank, int status);
  void signal_all(int signal);
  bool all_ended() const { return std::ranges::all_of(ranks_, &Rank::ended); }

  const LaunchOptions& options_;
  std::string job_;
  int port_ = 0;
  Signals signals_;
  std::vector<Rank> ranks_;
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
  Rank& started = ranks_.emplace_back();
  const std::string prefix = str('[', rank, "] ");
  const bool plain = options_.plain_output && rank == 0;
  started.streams.emplace_back(plain ? "" : prefix, options_.out);
  started.streams.emplace_back(prefix, options_.err);
  std::vector<std::string> entries;
  for (const auto& [name, value] : environment_of(rank)) entries.push_back(name + '=' + value);
  std::vector<std::string> words = options_.command;
  std::vector<char*> arguments, environment;
  for (std::string& word : words) arguments.push_back(word.data());
  for (std::string& entry : entries) environment.push_back(entry.data());
  arguments.push_back(nullptr);
  environment.push_back(nullptr);
  const pid_t launcher = getpid();
  started.process = fork();
  ORCHID_CHECK(started.process >= 0, "launch: fork: ", std::strerror(errno));
  if (started.process == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != launcher) _exit(1);  // it died before
    become(started, arguments.data(), environment.data());
  }
  // A group of its own: what a terminal sends to ours reaches a rank once, from here.
  setpgid(started.process, started.process);
  for (Stream& stream : started.streams) stream.close_child_end();
}

/// In the child, where nothing may be allocated.
void Launch::become(const Rank& rank, char* const* arguments, char* const* environment) const {
  setpgid(0, 0);
  const int nothing = ::open("/dev/null", O_RDONLY);
  dup2(nothing, 0);
  for (int i = 0; i < 2; ++i) dup2(rank.streams[static_cast<std::size_t>(i)].child_end(), i + 1);
  sigprocmask(SIG_SETMASK, &signals_.before(), nullptr);
  execve(arguments[0], arguments, environment);
  const char* reason = std::strerror(errno);
  for (const char* part :
       {"error: cannot start ", static_cast<const char*>(arguments[0]), ": ", reason, "\n"})
    write_all(2, part);
  _exit(127);
}

void Launch::signal_all(int signal) {
  for (const Rank& rank : ranks_)
    if (!rank.ended) kill(rank.process, signal);
}

void Launch::note_end(std::size_t rank, int status) {
  ranks_[rank].ended = true;
  const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  const int code = signal ? 128 + signal : WEXITSTATUS(status);
  if (code == 0) return;
  const bool first = code_ == 0;
  if (first) code_ = code;
  if (!first || all_ended()) return;
  const auto grace = std::chrono::duration<double>(options_.grace_s);
  kill_at_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(grace);
  if (stopping_) return;  // a second signal would keep the others from saving
  write_all(options_.err,
            str("rank ", rank, signal ? " was ended by signal " : " ended with exit code ",
                signal ? signal : code, "; the others are ended\n"));
  signal_all(SIGTERM);
}

void Launch::collect_ended() {
  for (std::size_t r = 0; r < ranks_.size(); ++r) {
    int status = 0;
    if (!ranks_[r].ended && waitpid(ranks_[r].process, &status, WNOHANG) == ranks_[r].process)
      note_end(r, status);
  }
}

void Launch::hear_signals() {
  while (const std::optional<int> signal = signals_.next()) {
    if (*signal == SIGCHLD) continue;
    stopping_ = true;
    signal_all(*signal);
  }
}

void Launch::wait_for_events() {
  std::vector<pollfd> entries = {{signals_.handle(), POLLIN, 0}};
  std::vector<Stream*> streams;
  for (Rank& rank : ranks_)
    for (Stream& stream : rank.streams)
      if (stream.open()) {
        entries.push_back({stream.handle(), POLLIN, 0});
        streams.push_back(&stream);
      }
  // What a rank left behind may hold the other end open: once all ended, what is there is enough.
  if (poll(entries.data(), entries.size(), all_ended() ? 0 : 200) < 0) return;
  for (std::size_t i = 0; i < streams.size(); ++i)
    if (entries[i + 1].revents != 0) streams[i]->read();
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
    wait_for_events();
    hear_signals();
    collect_ended();
    if (kill_at_ && Clock::now() > *kill_at_) signal_all(SIGKILL);
  }
  for (int i = 0; i < 64; ++i) wait_for_events();
  for (Rank& rank : ranks_)
    for (Stream& stream : rank.streams) {
      if (!stream.open()) continue;
      fcntl(stream.handle(), F_SETFL, O_NONBLOCK);
      stream.read();
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
