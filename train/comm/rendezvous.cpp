#include "train/comm/rendezvous.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <vector>

#include "kernels/core/error.h"

extern "C" char** environ;

namespace orchid::train {
namespace {

/// How a kind of launcher names things; empty: it does not say.
struct Dialect {
  const char* launcher;
  const char* rank;
  const char* world;
  const char* local_rank;
  const char* local_world;
};

constexpr Dialect kTorchrun{"torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"};
constexpr Dialect kOpenMpi{"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",
                           "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"};
constexpr Dialect kMpich{"MPICH", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"};
constexpr Dialect kSlurm{"Slurm", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", ""};

class Variables {
 public:
  explicit Variables(const Environment& environment) : environment_(environment) {}

  bool has(const std::string& name) const {
    const auto found = environment_.find(name);
    return found != environment_.end() && !found->second.empty();
  }
  std::string text(const std::string& name) const { return has(name) ? environment_.at(name) : ""; }

  /// A whole number from `least` to `most`.
  int number(const std::string& name, int least, int most) const {
    const std::string value = text(name);
    int result = 0;
    const char* end = value.data() + value.size();
    const auto [stopped, error] = std::from_chars(value.data(), end, result);
    ORCHID_CHECK_USAGE(error == std::errc{} && stopped == end && result >= least && result <= most,
                       "environment: ", name, ": expected ", least, " to ", most, ", got '", value,
                       "'");
    return result;
  }
  /// The same of a variable that may be absent.
  int number_or(const std::string& name, int least, int most, int otherwise) const {
    return has(name) ? number(name, least, most) : otherwise;
  }

 private:
  const Environment& environment_;
};

constexpr int kMostRanks = 1 << 20;

std::optional<Rendezvous> read(const Variables& variables, const Dialect& dialect) {
  if (!variables.has(dialect.rank) || !variables.has(dialect.world)) return std::nullopt;
  Rendezvous result;
  result.launcher = dialect.launcher;
  result.world = variables.number(dialect.world, 1, kMostRanks);
  result.rank = variables.number(dialect.rank, 0, result.world - 1);
  result.local_world = variables.number_or(dialect.local_world, 1, result.world, 1);
  const bool bounded = variables.has(dialect.local_world);
  result.local_rank = variables.number_or(dialect.local_rank, 0,
                                          (bounded ? result.local_world : result.world) - 1, 0);
  if (!bounded) result.local_world = std::max(result.local_world, result.local_rank + 1);
  return result;
}

/// "4(x2),3": ranks of each machine, this one's by its index.
int tasks_of_node(const std::string& text, int node) {
  int at = 0;
  for (std::size_t i = 0; i < text.size();) {
    int tasks = 0, times = 1;
    const char* end = text.data() + text.size();
    const char* stopped = std::from_chars(text.data() + i, end, tasks).ptr;
    if (stopped + 1 < end && stopped[0] == '(' && stopped[1] == 'x')
      stopped = std::from_chars(stopped + 2, end, times).ptr + 1;
    if (tasks < 1 || node < at + times) return tasks;
    at += times;
    i = static_cast<std::size_t>(stopped - text.data()) + 1;
  }
  return 0;
}

/// The first of "node[07-09,12],other" is node07.
std::string first_host(const std::string& list) {
  const std::size_t bracket = list.find('['), comma = list.find(',');
  if (bracket == std::string::npos || comma < bracket) return list.substr(0, comma);
  const std::size_t end = list.find_first_of(",-]", bracket);
  const std::size_t close = list.find(']', bracket);
  if (end == std::string::npos || close == std::string::npos) return {};
  const std::size_t next = list.find(',', close);
  const std::size_t tail = next == std::string::npos ? list.size() : next;
  return list.substr(0, bracket) + list.substr(bracket + 1, end - bracket - 1) +
         list.substr(close + 1, tail - close - 1);
}

/// A task of a step that srun started; what a batch script runs by itself is none.
std::optional<Rendezvous> read_slurm(const Variables& variables) {
  constexpr std::int64_t kFirstSpecialStep = 4294967280;  // batch, external, interactive steps
  if (!variables.has("SLURM_STEP_ID")) return std::nullopt;
  if (std::strtoll(variables.text("SLURM_STEP_ID").c_str(), nullptr, 10) >= kFirstSpecialStep)
    return std::nullopt;
  std::optional<Rendezvous> result = read(variables, kSlurm);
  if (!result) return result;
  const int here = tasks_of_node(variables.text("SLURM_STEP_TASKS_PER_NODE"),
                                 variables.number_or("SLURM_NODEID", 0, kMostRanks, 0));
  if (here > 0) result->local_world = here;
  result->host = first_host(variables.text("SLURM_STEP_NODELIST"));
  result->job = str("slurm-", variables.text("SLURM_JOB_ID"), '.', variables.text("SLURM_STEP_ID"),
                    '.', variables.text("SLURM_RESTART_COUNT"));
  return result;
}

std::string told(const Variables& variables, const Dialect& dialect) {
  return str(dialect.rank, '=', variables.text(dialect.rank), " and ", dialect.world, '=',
             variables.text(dialect.world));
}

/// Half of a pair says that something is not as it was meant to be.
void check_whole(const Variables& variables, const Dialect& dialect) {
  const bool rank = variables.has(dialect.rank), world = variables.has(dialect.world);
  ORCHID_CHECK_USAGE(rank == world, "environment: ", rank ? dialect.rank : dialect.world,
                     " is set and ", rank ? dialect.world : dialect.rank,
                     " is not; set or unset both");
}

/// Two launchers that both say they started this process. One inside the other is no contradiction
/// where the inner one is known to be torchrun or our own.
void check_agreement(const Variables& variables, const std::vector<const Dialect*>& found) {
  if (variables.has("TORCHELASTIC_RUN_ID") || variables.has("ORCHID_JOB")) return;
  for (std::size_t i = 1; i < found.size(); ++i) {
    const bool same = variables.text(found[0]->rank) == variables.text(found[i]->rank) &&
                      variables.text(found[0]->world) == variables.text(found[i]->world);
    ORCHID_CHECK_USAGE(same, "environment: ", told(variables, *found[0]), " (", found[0]->launcher,
                       ") contradict ", told(variables, *found[i]), " (", found[i]->launcher,
                       "); unset those of the launcher that did not start this");
  }
}

/// The same number on every rank, from 20000 on, below what systems give to clients.
int port_of(const std::string& job) {
  std::uint32_t hash = 2166136261;
  for (const char c : job) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619;
  return static_cast<int>(20000 + hash % 12000);
}

void read_place(const Variables& variables, Rendezvous& result) {
  if (variables.has("ORCHID_JOB")) result.job = variables.text("ORCHID_JOB");
  if (result.job.empty() && variables.has("TORCHELASTIC_RUN_ID"))
    result.job = str("torchrun-", variables.text("TORCHELASTIC_RUN_ID"), '.',
                     variables.text("TORCHELASTIC_RESTART_COUNT"));
  for (const char* name : {"PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid"})
    if (result.job.empty() && variables.has(name)) result.job = str("mpi-", variables.text(name));
  if (variables.has("MASTER_ADDR")) result.host = variables.text("MASTER_ADDR");
  if (result.host.empty() && result.local_world == result.world) result.host = "127.0.0.1";
  if (result.job.empty()) result.job = str("job-", result.host, ':', variables.text("MASTER_PORT"));
  result.port = variables.number_or("MASTER_PORT", 1, 65535, port_of(result.job));
  // At MASTER_PORT itself the agent of torchrun serves a store of its own.
  if (variables.has("MASTER_PORT") && variables.text("TORCHELASTIC_USE_AGENT_STORE") == "True")
    result.port += result.port < 65535 ? 1 : -1;
}

}  // namespace

Environment process_environment() {
  Environment result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos) result[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return result;
}

Rendezvous read_rendezvous(const Environment& environment) {
  const Variables variables(environment);
  std::vector<const Dialect*> found;
  std::optional<Rendezvous> result;
  for (const Dialect* dialect : {&kTorchrun, &kOpenMpi, &kMpich}) {
    check_whole(variables, *dialect);
    const std::optional<Rendezvous> read_here = read(variables, *dialect);
    if (!read_here) continue;
    found.push_back(dialect);
    if (!result) result = read_here;
  }
  check_agreement(variables, found);
  // Daemons of mpirun and agents of torchrun are tasks of Slurm too, so it has the last word; but
  // srun itself speaks MPICH's protocol, and says more than that.
  if (!result) {
    result = read_slurm(variables);
  } else if (result->launcher == kMpich.launcher) {
    const std::optional<Rendezvous> slurm = read_slurm(variables);
    if (slurm && slurm->rank == result->rank && slurm->world == result->world) result = slurm;
  }
  ORCHID_CHECK_USAGE(result || !variables.has("PMIX_RANK"),
                     "environment: PMIX_RANK=", variables.text("PMIX_RANK"),
                     " tells a rank, and nothing how many there are; set RANK and WORLD_SIZE");
  if (!result) return {};
  read_place(variables, *result);
  return *result;
}

}  // namespace orchid::train
