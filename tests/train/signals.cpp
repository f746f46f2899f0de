#include "train/signals.h"

#include <csignal>
#include <ctime>
#include <functional>

#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/catch.h"

using namespace orchid;
using train::SignalSource;
using train::StopSignals;

namespace {

/// The exit code of a process that does as `body` says; 0 where it came to its end.
int exit_code_of(const std::function<void()>& body) {
  const pid_t process = fork();
  if (process == 0) {
    body();
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(process, &status, 0) == process);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int after(SignalSource source, std::initializer_list<int> signals) {
  return exit_code_of([&] {
    const StopSignals listening(source);
    for (const int signal : signals) raise(signal);
  });
}

}  // namespace

TEST_CASE("one signal is noted", "[signals]") {
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) {
    const int code = exit_code_of([&] {
      const StopSignals listening;
      if (StopSignals::received() != 0) _exit(1);
      raise(signal);
      if (StopSignals::received() != signal) _exit(2);
    });
    CHECK(code == 0);
  }
}

TEST_CASE("a person's second signal ends the process at once", "[signals]") {
  CHECK(after(SignalSource::person, {SIGTERM, SIGTERM}) == 128 + SIGTERM);
  CHECK(after(SignalSource::person, {SIGTERM, SIGINT}) == 128 + SIGINT);
  CHECK(after(SignalSource::launcher, {SIGINT, SIGINT}) == 128 + SIGINT);
}

TEST_CASE("what launchers pass on several times is one signal", "[signals]") {
  CHECK(after(SignalSource::launcher, {SIGTERM, SIGTERM, SIGTERM}) == 0);
  CHECK(after(SignalSource::launcher, {SIGUSR1, SIGUSR1}) == 0);
  CHECK(after(SignalSource::launcher, {SIGUSR1, SIGTERM}) == 128 + SIGTERM);
  const int later = exit_code_of([] {
    const StopSignals listening(SignalSource::launcher);
    raise(SIGTERM);
    const timespec more{StopSignals::kSameSignal_s + 1, 50'000'000};
    nanosleep(&more, nullptr);
    raise(SIGTERM);
  });
  CHECK(later == 128 + SIGTERM);
}

TEST_CASE("signals are heard where whoever started the process blocked them", "[signals]") {
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  const int code = exit_code_of([&] {
    sigprocmask(SIG_BLOCK, &term, nullptr);
    {
      const StopSignals listening;
      raise(SIGTERM);
      if (StopSignals::received() != SIGTERM) _exit(1);
    }
    raise(SIGTERM);  // blocked again
    sigset_t waiting;
    sigpending(&waiting);
    if (!sigismember(&waiting, SIGTERM)) _exit(2);
  });
  CHECK(code == 0);
}
