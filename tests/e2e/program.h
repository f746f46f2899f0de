#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace orchid::test {

/// How a run of the `orchid` program ended.
struct ProgramResult {
  int exit_code = -1;  ///< -1: ended by a signal
  int signal = 0;
  std::string out;
  std::string err;
};

/// The real program in a process of its own, with `directory` as its current one.
class Program {
 public:
  struct Options {
    std::string input = {};        ///< standard input
    long file_size_limit = 0;      ///< above 0: no file may grow beyond as many bytes
    std::string environment = {};  ///< "NAME=value", or nothing
  };
  Program(const std::filesystem::path& directory, const std::vector<std::string>& arguments,
          const Options& options);
  Program(const std::filesystem::path& directory, const std::vector<std::string>& arguments)
      : Program(directory, arguments, Options{}) {}
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void send(int signal) const;
  pid_t id() const { return process_; }
  bool running();
  /// Until `happened` or the end of the program; false if it ended first.
  bool wait_for(const std::function<bool()>& happened);
  ProgramResult wait();

 private:
  void collect(bool block);

  std::filesystem::path files_;  ///< captured output, in a directory of its own
  pid_t process_ = -1;
  bool ended_ = false;
  int status_ = 0;
};

/// Runs the program to its end.
ProgramResult orchid(const std::filesystem::path& directory,
                     const std::vector<std::string>& arguments,
                     const Program::Options& options = {});

}  // namespace orchid::test
