#include "train/comm/launch.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/core/error.h"
#include "tests/support/catch.h"
#include "tests/support/processes.h"
#include "tests/support/temp_dir.h"
#include "train/comm/rendezvous.h"

using namespace orchid;
using train::LaunchOptions;

namespace {

/// A launcher in a process of its own, whose ranks run a shell script.
class Launcher {
 public:
  Launcher(int ranks, const std::string& script, double grace_s = 20, bool plain = false,
           int (*launch)(const LaunchOptions&) = train::launch_ranks) {
    process_ = fork();
    if (process_ != 0) return;
    LaunchOptions options{.ranks = ranks, .command = {"/bin/sh", "-c", script}};
    options.grace_s = grace_s;
    options.plain_output = plain;
    const int flags = O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC;
    options.out = ::open((place_ / "out").c_str(), flags, 0600);
    options.err = ::open((place_ / "err").c_str(), flags, 0600);
    _exit(launch(options));
  }
  ~Launcher() {
    if (process_ <= 0) return;
    kill(process_, SIGKILL);  // a test failed half way
    wait();
  }
  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;

  pid_t id() const { return process_; }
  void send(int signal) const { kill(process_, signal); }
  int wait() {
    int status = 0;
    waitpid(process_, &status, 0);
    process_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  /// Signals go to the launcher from here on; it may have started nothing yet.
  void wait_until_listening() const {
    const auto listens = [&] {
      std::ifstream file(str("/proc/", process_, "/status"));
      std::string line;
      while (std::getline(file, line) && !line.starts_with("SigBlk:")) continue;
      const std::uint64_t blocked = line.empty() ? 0 : std::stoull(line.substr(7), nullptr, 16);
      const auto has = [&](int signal) { return (blocked >> (signal - 1) & 1) != 0; };
      return has(SIGTERM) && !has(SIGUSR2);  // fork() itself blocks all for a moment
    };
    for (int i = 0; i < 5000 && !listens(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    REQUIRE(listens());
  }
  std::string text(const char* stream) const {
    std::ifstream file(place_ / stream);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::vector<std::string> lines(const char* stream) const {
    std::istringstream all(text(stream));
    std::vector<std::string> result;
    for (std::string line; std::getline(all, line);) result.push_back(line);
    std::ranges::sort(result);
    return result;
  }
  void wait_for_lines(std::size_t count) const {
    for (int i = 0; i < 1000 && lines("out").size() < count; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    REQUIRE(lines("out").size() >= count);
  }

 private:
  test::TempDir place_;
  pid_t process_ = -1;
};

using Lines = std::vector<std::string>;

bool has_mpirun() {
  if (std::system("mpirun --version >/dev/null 2>&1") == 0) return true;
  WARN("SKIPPED: mpirun is not here");
  return false;
}

double seconds_of(const std::function<void()>& body) {
  const auto begin = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

TEST_CASE("the launcher gives every rank its place", "[comm][launch]") {
  Launcher launcher(3,
                    "echo $RANK of $WORLD_SIZE, here $LOCAL_RANK of $LOCAL_WORLD_SIZE; "
                    "echo $MASTER_ADDR:$MASTER_PORT $ORCHID_JOB $OMP_NUM_THREADS >&2");
  CHECK(launcher.wait() == 0);
  CHECK(launcher.lines("out") ==
        Lines{"[0] 0 of 3, here 0 of 3", "[1] 1 of 3, here 1 of 3", "[2] 2 of 3, here 2 of 3"});
  const Lines told = launcher.lines("err");
  REQUIRE(told.size() == 3);
  CHECK(told[0].substr(0, 14) == "[0] 127.0.0.1:");
  CHECK(told[0].substr(4) == told[1].substr(4));  // one port, one job
  CHECK(told[0].substr(4) == told[2].substr(4));
  Launcher next(1, "echo $ORCHID_JOB");
  next.wait();
  CHECK(told[0].find(next.lines("out").at(0).substr(4)) == std::string::npos);
}

TEST_CASE("what the launcher sets is what the rendezvous reads", "[comm][launch]") {
  Launcher launcher(2, "env");
  CHECK(launcher.wait() == 0);
  train::Environment variables;
  for (const std::string& line : launcher.lines("out")) {
    const std::size_t equals = line.find('=');
    if (line.substr(0, 4) == "[1] " && equals != std::string::npos)
      variables[line.substr(4, equals - 4)] = line.substr(equals + 1);
  }
  const train::Rendezvous found = train::read_rendezvous(variables);
  CHECK(found.rank == 1);
  CHECK(found.world == 2);
  CHECK(found.local_rank == 1);
  CHECK(found.host == "127.0.0.1");
  CHECK(found.port == std::stoi(variables["MASTER_PORT"]));
  CHECK(found.job == variables["ORCHID_JOB"]);
}

TEST_CASE("lines of ranks stay whole", "[comm][launch]") {
  Launcher launcher(2,
                    "for i in 1 2 3; do printf 'a '; sleep 0.02; printf 'b\\n'; done; "
                    "printf 'no end'");
  CHECK(launcher.wait() == 0);
  CHECK(launcher.lines("out") == Lines{"[0] a b", "[0] a b", "[0] a b", "[0] no end", "[1] a b",
                                       "[1] a b", "[1] a b", "[1] no end"});
}

TEST_CASE("rank 0 can answer as it is", "[comm][launch]") {
  Launcher launcher(2, "test $RANK = 1 || printf '{\\n}'; echo note >&2", 20, true);
  CHECK(launcher.wait() == 0);
  CHECK(launcher.text("out") == "{\n}");
  CHECK(launcher.lines("err") == Lines{"[0] note", "[1] note"});
}

TEST_CASE("much output is not lost", "[comm][launch]") {
  Launcher launcher(2, "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done");
  CHECK(launcher.wait() == 0);
  CHECK(launcher.lines("out").size() == 40000);
}

TEST_CASE("a rank that fails ends the others, and gives its code", "[comm][launch]") {
  int code = 0;
  const double seconds = seconds_of([&] {
    Launcher launcher(3, "if [ $RANK = 1 ]; then exit 3; fi; sleep 60 & wait");
    code = launcher.wait();
    CHECK(launcher.text("err").find("rank 1 ended with exit code 3; the others are ended") !=
          std::string::npos);
  });
  CHECK(code == 3);
  CHECK(seconds < 20);
}

TEST_CASE("a rank that a signal ended is told as shells do", "[comm][launch]") {
  Launcher launcher(2, "if [ $RANK = 0 ]; then kill -SEGV $$; fi; sleep 60 & wait");
  CHECK(launcher.wait() == 128 + SIGSEGV);
  CHECK(launcher.text("err").find("rank 0 was ended by signal 11") != std::string::npos);
}

TEST_CASE("a rank that does not end is killed after the grace", "[comm][launch]") {
  const double seconds = seconds_of([] {
    Launcher launcher(2,
                      "if [ $RANK = 1 ]; then sleep 0.2; exit 4; fi; trap '' TERM; "
                      "while :; do sleep 0.05; done",
                      0.5);
    CHECK(launcher.wait() == 4);
  });
  CHECK(seconds > 0.5);
  CHECK(seconds < 20);
}

TEST_CASE("signals reach all ranks, which end in their own time", "[comm][launch]") {
  const auto [signal, name, code] = GENERATE(table<int, const char*, int>(
      {{SIGTERM, "TERM", 0}, {SIGUSR1, "USR1", 0}, {SIGINT, "INT", 130}}));
  INFO(name);
  // Rank 0 ends at once, the other takes its time: it is not told a second time.
  Launcher launcher(2, str("trap 'test $RANK = 1 && sleep 0.5; echo saved; exit ", code, "' ", name,
                           "; trap 'echo told twice; exit 9' ", signal == SIGTERM ? "INT" : "TERM",
                           "; echo ready; while :; do sleep 0.02; done"));
  launcher.wait_for_lines(2);
  launcher.send(signal);
  CHECK(launcher.wait() == code);
  CHECK(launcher.lines("out") == Lines{"[0] ready", "[0] saved", "[1] ready", "[1] saved"});
}

TEST_CASE("a signal finds ranks that are not there yet, or not ready for it", "[comm][launch]") {
  const bool mpi = GENERATE(false, true);
  const bool before_ranks = GENERATE(true, false);
  const int signal = GENERATE(SIGTERM, SIGUSR1);  // shells catch SIGINT from the beginning
  if (mpi && !has_mpirun()) return;
  INFO("mpi " << mpi << ", before ranks " << before_ranks << ", signal " << signal);
  Launcher launcher(2,
                    "echo here; sleep 0.5; trap 'echo saved; exit 0' TERM USR1; "
                    "for i in $(seq 500); do sleep 0.02; done; exit 7",
                    20, false, mpi ? train::launch_mpi_ranks : train::launch_ranks);
  if (before_ranks) {
    launcher.wait_until_listening();
  } else {
    launcher.wait_for_lines(2);
  }
  launcher.send(signal);
  CHECK(launcher.wait() == 0);
  CHECK(launcher.lines("out") == Lines{"[0] here", "[0] saved", "[1] here", "[1] saved"});
}

TEST_CASE("ranks that catch no signal die of it after a while", "[comm][launch]") {
  const bool mpi = GENERATE(false, true);
  if (mpi && !has_mpirun()) return;
  INFO("mpi " << mpi);
  const double seconds = seconds_of([&] {
    Launcher launcher(2, "echo here; for i in $(seq 3000); do sleep 0.02; done", 20, false,
                      mpi ? train::launch_mpi_ranks : train::launch_ranks);
    launcher.wait_for_lines(2);
    launcher.send(SIGTERM);
    CHECK(launcher.wait() == 128 + SIGTERM);
  });
  CHECK(seconds < 40);  // of 60
}

TEST_CASE("ranks do not outlive their launcher", "[comm][launch]") {
  Launcher launcher(2, "echo $$; while :; do sleep 0.02; done");
  launcher.wait_for_lines(2);
  Lines processes = launcher.lines("out");
  launcher.send(SIGKILL);
  CHECK(launcher.wait() == -SIGKILL);
  for (const std::string& line : processes) {
    const pid_t process = std::stoi(line.substr(4));
    for (int i = 0; i < 500 && kill(process, 0) == 0; ++i) {
      std::ifstream status(str("/proc/", process, "/stat"));
      std::string all{std::istreambuf_iterator<char>(status), {}};
      if (all.find(") Z") != std::string::npos) break;  // dead, and not buried by this container
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    std::ifstream status(str("/proc/", process, "/stat"));
    std::string all{std::istreambuf_iterator<char>(status), {}};
    CHECK((all.empty() || all.find(") Z") != std::string::npos));
  }
}

TEST_CASE("a program that is not there is said by name", "[comm][launch]") {
  test::TempDir place;
  LaunchOptions options{.ranks = 1, .command = {"/no/such/program"}};
  options.err = ::open((place / "err").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  CHECK(train::launch_ranks(options) == 127);
  close(options.err);
  std::ifstream file(place / "err");
  std::string line;
  std::getline(file, line);
  CHECK(line == "[0] error: cannot start /no/such/program: No such file or directory");
}

TEST_CASE("ranks of MPI are started by mpirun, and look the same", "[comm][launch]") {
  if (!has_mpirun()) return;
  Launcher launcher(2, "echo ${OMPI_COMM_WORLD_RANK:-$PMI_RANK}; echo [3] note >&2; sleep 0.1", 20,
                    false, train::launch_mpi_ranks);
  CHECK(launcher.wait() == 0);
  CHECK(launcher.lines("out") == Lines{"[0] 0", "[1] 1"});
  CHECK(launcher.lines("err") == Lines{"[0] [3] note", "[1] [3] note"});
  Launcher answers(2, "test ${OMPI_COMM_WORLD_RANK:-$PMI_RANK} = 1 || echo '{}'", 20, true,
                   train::launch_mpi_ranks);
  CHECK(answers.wait() == 0);
  CHECK(answers.text("out") == "{}\n");
}

TEST_CASE("a rank of MPI that fails ends the others, and gives its code", "[comm][launch]") {
  if (!has_mpirun()) return;
  if (std::system("mpirun --version | grep -q 'Open MPI'") != 0) {
    WARN("SKIPPED: MPICH watches those ranks alone that speak MPI, unlike a shell");
    return;
  }
  const double seconds = seconds_of([] {
    Launcher launcher(2, "test ${OMPI_COMM_WORLD_RANK:-$PMI_RANK} = 0 || exit 3; sleep 60 & wait",
                      20, false, train::launch_mpi_ranks);
    CHECK(launcher.wait() == 3);
  });
  CHECK(seconds < 30);
}

TEST_CASE("signals reach ranks of MPI, which end in their own time", "[comm][launch]") {
  if (!has_mpirun()) return;
  const int signal = GENERATE(SIGTERM, SIGUSR1);
  INFO(signal);
  Launcher launcher(2,
                    "trap 'sleep 2; echo saved; exit 0' TERM USR1; echo ready; "
                    "while :; do sleep 0.02; done",
                    20, false, train::launch_mpi_ranks);
  launcher.wait_for_lines(2);
  launcher.send(signal);
  CHECK(launcher.wait() == 0);
  CHECK(launcher.lines("out") == Lines{"[0] ready", "[0] saved", "[1] ready", "[1] saved"});
}

TEST_CASE("ranks of MPI save where a cluster signals mpirun and its helpers too",
          "[comm][launch]") {
  if (!has_mpirun()) return;
  // Told by the cluster and by the launcher, which a rank counts once; 2 s are more than mpirun
  // would leave it.
  Launcher launcher(2,
                    "trap 'trap : TERM; sleep 2; echo saved; exit 0' TERM; echo ready; "
                    "while :; do sleep 0.02; done",
                    20, false, train::launch_mpi_ranks);
  launcher.wait_for_lines(2);
  for (const pid_t process : test::process_tree(launcher.id())) kill(process, SIGTERM);
  CHECK(launcher.wait() == 0);
  CHECK(launcher.lines("out") == Lines{"[0] ready", "[0] saved", "[1] ready", "[1] saved"});
}
