#include "tests/e2e/program.h"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace orchid::test {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void redirect(const fs::path& file, int flags, int descriptor) {
  const int opened = open(file.c_str(), flags, 0600);
  if (opened < 0 || dup2(opened, descriptor) < 0) _exit(126);
}

}  // namespace

Program::Program(const fs::path& directory, const std::vector<std::string>& arguments,
                 const Options& options) {
  std::string pattern = (fs::temp_directory_path() / "orchid-program-XXXXXX").string();
  if (!mkdtemp(pattern.data())) throw std::runtime_error("cannot create " + pattern);
  files_ = pattern;
  std::ofstream(files_ / "in", std::ios::binary) << options.input;
  process_ = fork();
  if (process_ < 0) throw std::runtime_error("cannot fork");
  if (process_ > 0) return;
  redirect(files_ / "in", O_RDONLY, 0);
  redirect(files_ / "out", O_WRONLY | O_CREAT, 1);
  redirect(files_ / "err", O_WRONLY | O_CREAT, 2);
  if (chdir(directory.c_str()) != 0) _exit(126);
  if (options.file_size_limit > 0) {
    const rlimit limit{static_cast<rlim_t>(options.file_size_limit), RLIM_INFINITY};
    std::signal(SIGXFSZ, SIG_IGN);  // so that writing fails, as on a full disk
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  setenv("OMP_NUM_THREADS", "1", 1);  // tests of tiny models share the machine
  if (const std::size_t equals = options.environment.find('='); equals != std::string::npos)
    setenv(options.environment.substr(0, equals).c_str(),
           options.environment.substr(equals + 1).c_str(), 1);
  std::vector<char*> words;
  const char* const other = std::getenv("ORCHID_PROGRAM");  // the same tests of another build
  std::string name = other ? other : ORCHID_PROGRAM;
  words.push_back(name.data());
  for (const std::string& argument : arguments)
    words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  execv(name.c_str(), words.data());
  _exit(127);
}

Program::~Program() {
  if (!ended_) {
    kill(process_, SIGKILL);
    collect(true);
  }
  std::error_code ignored;
  fs::remove_all(files_, ignored);
}

void Program::collect(bool block) {
  if (!ended_ && waitpid(process_, &status_, block ? 0 : WNOHANG) == process_) ended_ = true;
}

void Program::send(int signal) const {
  kill(process_, signal);
}

bool Program::running() {
  collect(false);
  return !ended_;
}

bool Program::wait_for(const std::function<bool()>& happened) {
  while (running()) {
    if (happened()) return true;
    usleep(500);
  }
  return false;
}

ProgramResult Program::wait() {
  collect(true);
  ProgramResult result;
  if (WIFEXITED(status_)) result.exit_code = WEXITSTATUS(status_);
  if (WIFSIGNALED(status_)) result.signal = WTERMSIG(status_);
  result.out = content(files_ / "out");
  result.err = content(files_ / "err");
  return result;
}

ProgramResult orchid(const fs::path& directory, const std::vector<std::string>& arguments,
                     const Program::Options& options) {
  return Program(directory, arguments, options).wait();
}

}  // namespace orchid::test
