#include "train/glue/workers.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/core/error.h"

namespace orchid::train {
namespace {

/// The program as it was when it began, even if another was built in its place since.
constexpr const char* kThisProgram = "/proc/self/exe";

/// In the child, between fork and exec: only what is safe there. Never returns.
[[noreturn]] void become(char* const* arguments, int log, pid_t parent) {
  std::signal(SIGTERM, SIG_DFL);  // the parent's handler would note it, and exec forget the note
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(1);  // it died before the line above
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  execv(kThisProgram, arguments);
  _exit(127);
}

}  // namespace

Worker::Worker(const std::vector<std::string>& arguments, const std::filesystem::path& log) {
  std::filesystem::create_directories(log.parent_path());
  const int file = open(log.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
  ORCHID_CHECK(file >= 0, log.string(), ": ", std::strerror(errno));
  const std::string program = std::filesystem::read_symlink(kThisProgram);
  std::vector<std::string> words = {program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const pid_t parent = getpid();
  process_ = fork();
  if (process_ == 0) become(pointers.data(), file, parent);
  const int failure = errno;
  close(file);
  ORCHID_CHECK(process_ > 0, "cannot start another process: ", std::strerror(failure));
}

Worker::Worker(Worker&& other) noexcept
    : process_(std::exchange(other.process_, -1)), exit_code_(other.exit_code_) {}

Worker::~Worker() {
  if (process_ <= 0) return;
  signal(SIGTERM);
  waitpid(process_, nullptr, 0);
}

bool Worker::ended() {
  if (process_ <= 0) return true;
  int status = 0;
  if (waitpid(process_, &status, WNOHANG) != process_) return false;
  process_ = -1;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return true;
}

void Worker::signal(int number) const {
  if (process_ > 0) kill(process_, number);
}

}  // namespace orchid::train
