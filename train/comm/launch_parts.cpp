#include "train/comm/launch_parts.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/core/error.h"

namespace orchid::train {
namespace {

constexpr std::size_t kMostLine = std::size_t{64} << 10;
constexpr int kForwarded[] = {SIGTERM, SIGINT, SIGUSR1};
constexpr auto kBetweenLooks = std::chrono::milliseconds(100);

/// The process has a handler for the signal.
bool catches(pid_t process, int signal) {
  std::ifstream file(str("/proc/", process, "/status"));
  constexpr std::string_view kCaught = "SigCgt:";
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(kCaught))
      return (std::strtoull(line.c_str() + kCaught.size(), nullptr, 16) >> (signal - 1) & 1) != 0;
  return false;
}

}  // namespace

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno != EINTR) return;  // nobody reads it any more
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
}

LineStream::LineStream(Mark mark, int to) : mark_(std::move(mark)), to_(to) {
  int ends[2];
  ORCHID_CHECK(pipe2(ends, O_CLOEXEC) == 0, "launch: a pipe: ", std::strerror(errno));
  reads_ = Descriptor(ends[0]);
  writes_ = Descriptor(ends[1]);
}

void LineStream::read() {
  char buffer[16384];
  const ssize_t got = ::read(reads_.handle(), buffer, sizeof buffer);
  if (got < 0 && errno == EINTR) return;
  if (got > 0) partial_.append(buffer, static_cast<std::size_t>(got));
  std::string lines;
  std::size_t begin = 0;
  for (std::size_t end; (end = partial_.find('\n', begin)) != std::string::npos; begin = end + 1)
    lines += mark_(partial_.substr(begin, end + 1 - begin));
  partial_.erase(0, begin);
  const bool whole = got <= 0 || partial_.size() > kMostLine;
  if (whole && !partial_.empty()) lines += mark_(std::exchange(partial_, {}));
  write_all(to_, lines);
  if (got <= 0) reads_ = Descriptor();
}

void LineStream::read_rest() {
  if (!open()) return;
  fcntl(handle(), F_SETFL, O_NONBLOCK);
  while (open()) read();
}

LaunchSignals::LaunchSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : kForwarded) sigaddset(&set, signal);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, &before_);
  // A child has our handlers until it is another program: as if it could be told already.
  for (const int signal : kForwarded) {
    struct sigaction action {};
    sigaction(signal, nullptr, &action);
    if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) continue;
    handlers_.emplace_back(signal, action);
    action = {};
    action.sa_handler = SIG_DFL;
    sigaction(signal, &action, nullptr);
  }
  arrives_ = Descriptor(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  ORCHID_CHECK(arrives_.open(), "launch: signalfd: ", std::strerror(errno));
}

LaunchSignals::~LaunchSignals() {
  for (const auto& [signal, action] : handlers_) sigaction(signal, &action, nullptr);
  sigprocmask(SIG_SETMASK, &before_, nullptr);
}

sigset_t LaunchSignals::deaf() const {
  sigset_t set = before_;
  for (const int signal : kForwarded) sigaddset(&set, signal);
  return set;
}

std::optional<int> LaunchSignals::next() {
  signalfd_siginfo info;
  if (::read(arrives_.handle(), &info, sizeof info) != sizeof info) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

void SignalPost::take(int signal) {
  letters_.push_back({.signal = signal});
  looked_ = {};
}

bool SignalPost::due() const {
  return !letters_.empty() && Clock::now() - looked_ > kBetweenLooks;
}

void SignalPost::deliver(const std::vector<pid_t>& processes) {
  looked_ = Clock::now();
  for (Letter& letter : letters_) {
    for (const pid_t process : processes) {
      auto& since = letter.waits_since.try_emplace(process, looked_).first->second;
      if (!since) continue;
      const std::chrono::duration<double> waited = looked_ - *since;
      if (waited.count() < kMostWait_s && !catches(process, letter.signal)) continue;
      kill(process, letter.signal);
      since.reset();
      ++letter.delivered;
    }
  }
  std::erase_if(letters_, [&](const Letter& letter) { return letter.delivered >= ranks_; });
}

ChildProcess::ChildProcess(std::vector<std::string> command, const Environment& variables,
                           LineStream::Mark out_mark, LineStream::Mark err_mark,
                           const LaunchOptions& options, const sigset_t& blocked)
    : out_(std::move(out_mark), options.out), err_(std::move(err_mark), options.err) {
  std::vector<std::string> entries;
  for (const auto& [name, value] : variables) entries.push_back(name + '=' + value);
  std::vector<char*> arguments, environment;
  for (std::string& word : command) arguments.push_back(word.data());
  for (std::string& entry : entries) environment.push_back(entry.data());
  arguments.push_back(nullptr);
  environment.push_back(nullptr);
  const pid_t launcher = getpid();
  process_ = fork();
  ORCHID_CHECK(process_ >= 0, "launch: fork: ", std::strerror(errno));
  if (process_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != launcher) _exit(1);  // it died before
    become(arguments.data(), environment.data(), blocked);
  }
  // A group of its own: what a terminal sends to ours reaches a rank once, from here.
  setpgid(process_, process_);
  out_.close_child_end();
  err_.close_child_end();
}

void ChildProcess::become(char* const* arguments, char* const* environment,
                          const sigset_t& blocked) const {
  setpgid(0, 0);
  dup2(::open("/dev/null", O_RDONLY), 0);
  dup2(out_.child_end(), 1);
  dup2(err_.child_end(), 2);
  sigprocmask(SIG_SETMASK, &blocked, nullptr);
  execvpe(arguments[0], arguments, environment);
  const char* reason = std::strerror(errno);
  for (const char* part :
       {"error: cannot start ", static_cast<const char*>(arguments[0]), ": ", reason, "\n"})
    write_all(2, part);
  _exit(127);
}

std::optional<int> ChildProcess::collect() {
  int status = 0;
  if (ended_ || waitpid(process_, &status, WNOHANG) != process_) return std::nullopt;
  ended_ = true;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void ChildProcess::send(int signal) const {
  if (!ended_) kill(process_, signal);
}

void wait_for_output(std::vector<ChildProcess>& children, const LaunchSignals& signals,
                     int milliseconds) {
  std::vector<pollfd> entries = {{signals.handle(), POLLIN, 0}};
  std::vector<LineStream*> streams;
  for (ChildProcess& child : children)
    for (LineStream* stream : {&child.out(), &child.err()})
      if (stream->open()) {
        entries.push_back({stream->handle(), POLLIN, 0});
        streams.push_back(stream);
      }
  if (poll(entries.data(), entries.size(), milliseconds) < 0) return;
  for (std::size_t i = 0; i < streams.size(); ++i)
    if (entries[i + 1].revents != 0) streams[i]->read();
}

}  // namespace orchid::train
