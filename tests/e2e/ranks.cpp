#include <atomic>
#include <csignal>
#include <cstdlib>
#include <thread>

#include <unistd.h>

#include "kernels/core/error.h"
#include "tests/e2e/workspace.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/processes.h"

using namespace orchid::test;
using orchid::str;
namespace fs = std::filesystem;

namespace {

using Words = std::vector<std::string>;

bool mpirun_is_there() {
  if (std::system("command -v mpirun >/dev/null") == 0) return true;
  WARN("SKIPPED: ranks as processes: mpirun is not installed");
  return false;
}

/// A run in four micro-batches a step, summed in pairs: the same bits for 1, 2 and 4 ranks.
Words run_of(const Workspace& here, const std::string& name, int steps, int ranks,
             const Words& more = {}) {
  Words words =
      here.train({"--set", "name=" + name, "--set", "schedule.steps=" + std::to_string(steps),
                  "--set", "batch.global=16", "--set", "batch.per_device=4", "--set",
                  "checkpoint.every=20", "--set", "log_every=1", "--set", "evaluate_every=20",
                  "--set", "parallel.reduction=fixed", "--set", "threads=1"});
  if (ranks > 1) words.insert(words.end(), {"--ranks", std::to_string(ranks)});
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::string weights(const Workspace& here, const std::string& name, const std::string& step) {
  return slurp(here / ("runs/" + name + "/checkpoints/step-" + step + "/model.safetensors"));
}

nlohmann::json summary(const Workspace& here, const std::string& name) {
  return nlohmann::json::parse(slurp(here / ("runs/" + name + "/summary.json")));
}

/// Variables of this process, and so of those it starts, as long as it lives.
class Variables {
 public:
  explicit Variables(std::vector<std::pair<const char*, const char*>> values)
      : values_(std::move(values)) {
    for (const auto& [name, value] : values_) setenv(name, value, 1);
  }
  ~Variables() {
    for (const auto& [name, value] : values_) unsetenv(name);
  }
  Variables(const Variables&) = delete;
  Variables& operator=(const Variables&) = delete;

 private:
  std::vector<std::pair<const char*, const char*>> values_;
};

}  // namespace

TEST_CASE("ranks of MPI train to the bytes of one process, and go on in other numbers",
          "[e2e][ranks]") {
  if (!mpirun_is_there()) return;
  const Workspace here;
  REQUIRE(here.run(run_of(here, "one", 400, 1)).exit_code == 0);
  const std::string expected = weights(here, "one", "00000400");

  const ProgramResult two = here.run(run_of(here, "two", 400, 2));
  INFO(two.err);
  REQUIRE(two.exit_code == 0);
  CHECK(weights(here, "two", "00000400") == expected);
  CHECK(here.run({"checkpoint", "verify", "runs/two"}).exit_code == 0);

  // 4 ranks, stopped by a signal; then 2 to the end.
  Program program(here.path(), run_of(here, "four", 400, 4));
  REQUIRE(
      program.wait_for([&] { return fs::exists(here / "runs/four/checkpoints/step-00000020"); }));
  program.send(SIGTERM);
  const ProgramResult stopped = program.wait();
  INFO(stopped.err);
  CHECK(stopped.exit_code == 0);
  CHECK(summary(here, "four")["state"] == "preempted");
  const ProgramResult rest = here.run(run_of(here, "four", 400, 2, {"--resume"}));
  INFO(rest.err);
  REQUIRE(rest.exit_code == 0);
  CHECK(summary(here, "four")["state"] == "completed");
  CHECK(weights(here, "four", "00000400") == expected);
}

TEST_CASE("sharded ranks of MPI keep their share of the moments", "[e2e][ranks]") {
  if (!mpirun_is_there()) return;
  const Workspace here;
  const auto bytes = [&](const std::string& name, int ranks) {
    const ProgramResult run =
        here.run(run_of(here, name, 20, ranks, {"--set", "parallel.shard_optimizer=true"}));
    INFO(run.err);
    REQUIRE(run.exit_code == 0);
    CHECK(summary(here, name)["ranks"] == ranks);
    return summary(here, name)["moment_bytes"].get<double>();
  };
  const double all = bytes("all", 1);
  CHECK(bytes("half", 2) / all == Approx(1.0 / 2).epsilon(0.01));
  CHECK(bytes("third", 3) / all == Approx(1.0 / 3).epsilon(0.01));
}

TEST_CASE("a configuration that is refused ends all ranks with its code", "[e2e][ranks]") {
  if (!mpirun_is_there()) return;
  const Workspace here;
  const ProgramResult wrong = here.run(run_of(here, "wrong", 20, 2, {"--set", "clip_norm=-1"}));
  CHECK(wrong.exit_code == 2);
  const ProgramResult missing =
      here.run(run_of(here, "missing", 20, 2, {"--set", "data.train=nowhere"}));
  CHECK(missing.exit_code == 3);
  CHECK(missing.err.find("nowhere: no such directory") != std::string::npos);
}

TEST_CASE("ranks that a cluster stops save, whoever else it signals", "[e2e][ranks]") {
  if (!mpirun_is_there()) return;
  const Workspace here;
  Program program(here.path(), run_of(here, "cut", 1000000, 2));
  REQUIRE(
      program.wait_for([&] { return fs::exists(here / "runs/cut/checkpoints/step-00000020"); }));
  // As Slurm ends a step: the launcher, mpirun and each rank get it, and a rank then gets it again.
  for (const pid_t process : process_tree(program.id())) kill(process, SIGTERM);
  const ProgramResult stopped = program.wait();
  INFO(stopped.err);
  CHECK(stopped.exit_code == 0);
  CHECK(summary(here, "cut")["state"] == "preempted");
  CHECK(here.run({"checkpoint", "verify", "runs/cut"}).exit_code == 0);
}

TEST_CASE("a signal that mpirun passes on to ranks that have it is one", "[e2e][ranks]") {
  if (!mpirun_is_there()) return;
  const Workspace here;
  const Variables variables({{"OMPI_ALLOW_RUN_AS_ROOT", "1"},
                             {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"},
                             {"OMPI_MCA_rmaps_base_oversubscribe", "1"},
                             {"PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe"},
                             {"OMP_NUM_THREADS", "1"}});
  const char* const other = std::getenv("ORCHID_PROGRAM");
  std::string command = str("cd '", here.path().string(), "'; echo $$ >id; exec mpirun -np 2 '",
                            other ? other : ORCHID_PROGRAM, "'");
  for (const std::string& word : run_of(here, "bare", 1000000, 1)) command += " '" + word + "'";
  std::atomic<int> status = -1;
  std::jthread mpirun([&] { status = std::system((command + " >log 2>&1").c_str()); });
  while (!fs::exists(here / "runs/bare/checkpoints/step-00000020") && status == -1) usleep(500);
  // mpirun passes it on to ranks that have it already.
  for (const pid_t process : process_tree(std::stoi(slurp(here / "id")))) kill(process, SIGUSR1);
  mpirun.join();
  INFO(slurp(here / "log"));
  CHECK(status == 0);
  CHECK(summary(here, "bare")["state"] == "preempted");
}

TEST_CASE("ranks that MPI does not know of are refused", "[e2e][ranks]") {
  if (!mpirun_is_there()) return;
  const Workspace here;
  const auto refused = [&](const std::string& name) {
    const ProgramResult result = here.run(run_of(here, name, 20, 1));
    CHECK(result.exit_code != 0);
    CHECK(!fs::exists(here / ("runs/" + name)));
    return result.err;
  };
  {
    const Variables torchrun({{"RANK", "0"}, {"WORLD_SIZE", "2"}});
    CHECK(refused("torchrun")
              .find("torchrun's ranks do not speak MPI: start ranks on CPUs by "
                    "orchid train --ranks N, by the mpirun") != std::string::npos);
  }
  {  // the mpirun of another MPI
    const Variables other({{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}});
    CHECK(refused("other").find("MPICH started rank 1 of 2, and MPI made it rank 0 of 1: start") !=
          std::string::npos);
  }
  {  // srun --mpi=none
    const Variables srun({{"SLURM_STEP_ID", "0"},
                          {"SLURM_JOB_ID", "7"},
                          {"SLURM_PROCID", "0"},
                          {"SLURM_LOCALID", "0"},
                          {"SLURM_NODEID", "0"},
                          {"SLURM_STEP_NUM_TASKS", "2"},
                          {"SLURM_STEP_TASKS_PER_NODE", "2"}});
    CHECK(refused("srun").find("srun --mpi=pmix") != std::string::npos);
  }
}
