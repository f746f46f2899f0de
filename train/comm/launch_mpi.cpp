#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>

#include <unistd.h>

#include "kernels/core/context.h"
#include "train/comm/launch.h"
#include "train/comm/launch_parts.h"

namespace orchid::train {
namespace {

enum class Mpirun { open_mpi, mpich };

Mpirun find_mpirun() {
  std::string text;
  if (std::FILE* pipe = popen("mpirun --version 2>&1", "r")) {
    std::array<char, 256> part{};
    while (std::fgets(part.data(), part.size(), pipe)) text += part.data();
    pclose(pipe);
  }
  if (text.find("Open MPI") != std::string::npos) return Mpirun::open_mpi;
  ORCHID_CHECK_USAGE(text.find("HYDRA") != std::string::npos,
                     "ranks on CPUs are started by mpirun: expected that of Open MPI or MPICH in "
                     "PATH; apt-get install openmpi-bin");
  return Mpirun::mpich;
}

/// Takes the mark of mpirun off a line, "[1,2]<stdout>:" or "[2] ", and puts ours there.
std::string mark_line(const std::string& line, bool plain) {
  const std::size_t close = line.find(']');
  if (line.empty() || line[0] != '[' || close == std::string::npos) return line;
  const std::size_t comma = line.find(',');
  const std::size_t digits = comma < close ? comma + 1 : 1;
  int rank = 0;
  const auto [stopped, error] = std::from_chars(line.data() + digits, line.data() + close, rank);
  if (error != std::errc{} || stopped != line.data() + close) return line;
  std::size_t text = close + 1;
  if (comma < close) {
    text = line.find(">:", close);
    if (text == std::string::npos) return line;
    text += 2;
  } else if (text < line.size() && line[text] == ' ') {
    ++text;
  }
  return plain && rank == 0 ? line.substr(text) : str('[', rank, "] ", line.substr(text));
}

/// Those that run `program` among the processes that `root` started, and that those did; what a
/// rank starts is its own affair.
std::vector<pid_t> find_ranks(pid_t root, const std::filesystem::path& program) {
  std::multimap<pid_t, pid_t> children;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(entry.path() / "stat");
    const std::string stat{std::istreambuf_iterator<char>(file), {}};
    const std::size_t after = stat.rfind(") ");  // the name before it may hold anything
    if (after == std::string::npos || after + 4 > stat.size()) continue;
    children.emplace(std::atoi(stat.c_str() + after + 4), std::stoi(name));
  }
  std::vector<pid_t> found, open = {root};
  while (!open.empty()) {
    const auto [begin, end] = children.equal_range(open.back());
    open.pop_back();
    for (auto child = begin; child != end; ++child) {
      const std::filesystem::path file = str("/proc/", child->second, "/exe");
      const bool rank = std::filesystem::read_symlink(file, ignored) == program;
      (rank ? found : open).push_back(child->second);
    }
  }
  return found;
}

Environment environment_of(const LaunchOptions& options) {
  Environment variables = process_environment();
  const int share = std::max(1, Context().threads() / options.ranks);
  variables.try_emplace("OMP_NUM_THREADS", std::to_string(share));
  const std::pair<const char*, std::string> defaults[] = {
      // More ranks than cores are the user's wish, and a rank has threads: it is bound to no core.
      {"OMPI_MCA_rmaps_base_oversubscribe", "1"},
      {"PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe"},
      {"OMPI_MCA_hwloc_base_binding_policy", "none"},
      {"PRTE_MCA_hwloc_default_binding_policy", "none"},
      // In a Slurm job too the ranks are of this machine.
      {"OMPI_MCA_ras", "^slurm"},
      {"PRTE_MCA_ras", "^slurm"},
  };
  for (const auto& [name, value] : defaults) variables.try_emplace(name, value);
  if (geteuid() == 0)
    for (const char* name : {"OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"})
      variables.try_emplace(name, "1");
  return variables;
}

}  // namespace

int launch_mpi_ranks(const LaunchOptions& options) {
  ORCHID_CHECK_USAGE(options.ranks >= 1, "ranks: expected at least 1, got ", options.ranks);
  ORCHID_CHECK(!options.command.empty(), "launch: expected a command, got none");
  LaunchSignals signals;  // from here on none is lost
  SignalPost post(options.ranks);
  std::vector<std::string> command = {"mpirun"};
  command.push_back(find_mpirun() == Mpirun::open_mpi ? "--tag-output" : "-prepend-rank");
  command.insert(command.end(), {"-np", std::to_string(options.ranks)});
  command.insert(command.end(), options.command.begin(), options.command.end());
  std::vector<ChildProcess> mpirun;
  mpirun.reserve(1);
  // A cluster signals every process of a job. mpirun would kill the ranks before they have saved;
  // deaf to it, it goes on until they end. It starts them with nothing blocked.
  mpirun.emplace_back(
      command, environment_of(options),
      [plain = options.plain_output](const std::string& line) { return mark_line(line, plain); },
      [](const std::string& line) { return mark_line(line, false); }, options, signals.deaf());
  const std::filesystem::path program = std::filesystem::canonical(options.command[0]);
  std::optional<int> code;
  while (!code) {
    wait_for_output(mpirun, signals, 200);
    while (const std::optional<int> signal = signals.next())
      if (*signal != SIGCHLD) post.take(*signal);
    if (post.due()) post.deliver(find_ranks(mpirun[0].id(), program));
    code = mpirun[0].collect();
  }
  mpirun[0].out().read_rest();
  mpirun[0].err().read_rest();
  return *code;
}

}  // namespace orchid::train
