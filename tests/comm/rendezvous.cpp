#include "train/comm/rendezvous.h"

#include "kernels/core/error.h"
#include "tests/support/catch.h"

using namespace orchid;
using train::Environment;
using train::read_rendezvous;
using train::Rendezvous;

namespace {

/// As torchrun --nnodes 2 --nproc-per-node 4 sets them for the third process of the second machine.
Environment of_torchrun() {
  return {{"RANK", "6"},
          {"WORLD_SIZE", "8"},
          {"LOCAL_RANK", "2"},
          {"LOCAL_WORLD_SIZE", "4"},
          {"GROUP_RANK", "1"},
          {"MASTER_ADDR", "node1"},
          {"MASTER_PORT", "29500"},
          {"TORCHELASTIC_RUN_ID", "none"},
          {"TORCHELASTIC_RESTART_COUNT", "0"},
          {"TORCHELASTIC_USE_AGENT_STORE", "True"}};
}

/// Of mpirun -np 2 (Open MPI 4.1.4), the second process.
Environment of_open_mpi() {
  return {{"OMPI_COMM_WORLD_RANK", "1"},
          {"OMPI_COMM_WORLD_SIZE", "2"},
          {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
          {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
          {"OMPI_COMM_WORLD_NODE_RANK", "1"},
          {"OMPI_UNIVERSE_SIZE", "2"},
          {"OMPI_MCA_ess_base_jobid", "934346753"},
          {"PMIX_RANK", "1"},
          {"PMIX_NAMESPACE", "934346753"},
          {"PMIX_ID", "934346753.1"}};
}

/// Of mpiexec.hydra -np 2 (MPICH 4.0.2), the second process.
Environment of_mpich() {
  return {{"PMI_RANK", "1"},
          {"PMI_SIZE", "2"},
          {"PMI_FD", "8"},
          {"MPI_LOCALRANKID", "1"},
          {"MPI_LOCALNRANKS", "2"}};
}

/// As srun sets them for the sixth of seven tasks on two machines of four and three.
Environment of_srun() {
  return {{"SLURM_JOB_ID", "4711"},
          {"SLURM_STEP_ID", "0"},
          {"SLURM_PROCID", "5"},
          {"SLURM_NTASKS", "7"},
          {"SLURM_STEP_NUM_TASKS", "7"},
          {"SLURM_LOCALID", "1"},
          {"SLURM_NODEID", "1"},
          {"SLURM_STEP_TASKS_PER_NODE", "4,3"},
          {"SLURM_JOB_NODELIST", "gpu[03-04]"},
          {"SLURM_STEP_NODELIST", "gpu[03-04]"}};
}

Environment with(Environment variables, const Environment& more) {
  for (const auto& [name, value] : more) variables[name] = value;
  return variables;
}

std::string refusal(const Environment& environment) {
  try {
    read_rendezvous(environment);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
    return error.what();
  }
  return "accepted";
}

void check_ranks(const Rendezvous& got, const std::string& launcher, int rank, int world,
                 int local_rank, int local_world) {
  CHECK(got.launcher == launcher);
  CHECK(got.rank == rank);
  CHECK(got.world == world);
  CHECK(got.local_rank == local_rank);
  CHECK(got.local_world == local_world);
}

}  // namespace

TEST_CASE("a process that no launcher started is one rank", "[comm][rendezvous]") {
  check_ranks(read_rendezvous({}), "", 0, 1, 0, 1);
  check_ranks(read_rendezvous({{"PATH", "/bin"}, {"MASTER_ADDR", "a"}, {"RANK", ""}}), "", 0, 1, 0,
              1);
}

TEST_CASE("each launcher's variables are understood", "[comm][rendezvous]") {
  const Rendezvous torchrun = read_rendezvous(of_torchrun());
  check_ranks(torchrun, "torchrun", 6, 8, 2, 4);
  CHECK(torchrun.host == "node1");
  CHECK(torchrun.port == 29501);  // at 29500 torchrun itself listens
  CHECK(torchrun.job == "torchrun-none.0");

  const Rendezvous open_mpi = read_rendezvous(of_open_mpi());
  check_ranks(open_mpi, "Open MPI", 1, 2, 1, 2);
  CHECK(open_mpi.host == "127.0.0.1");
  CHECK(open_mpi.job == "mpi-934346753");

  const Rendezvous mpich = read_rendezvous(of_mpich());
  check_ranks(mpich, "MPICH", 1, 2, 1, 2);
  CHECK(mpich.host == "127.0.0.1");

  const Rendezvous slurm = read_rendezvous(of_srun());
  check_ranks(slurm, "Slurm", 5, 7, 1, 3);
  CHECK(slurm.host == "gpu03");
  CHECK(slurm.job == "slurm-4711.0.");
  CHECK(slurm.port >= 20000);
  CHECK(slurm.port < 32000);
}

TEST_CASE("ranks of one job agree on the place, those of two jobs do not", "[comm][rendezvous]") {
  const Rendezvous one = read_rendezvous(of_srun());
  const Rendezvous other = read_rendezvous(
      with(of_srun(), {{"SLURM_PROCID", "0"}, {"SLURM_LOCALID", "0"}, {"SLURM_NODEID", "0"}}));
  CHECK(other.local_world == 4);
  CHECK(one.port == other.port);
  CHECK(one.job == other.job);
  const Rendezvous next = read_rendezvous(with(of_srun(), {{"SLURM_STEP_ID", "1"}}));
  CHECK(one.job != next.job);
  CHECK(one.port != next.port);
  // Requeued: what is left of the run before is of another job.
  CHECK(read_rendezvous(with(of_srun(), {{"SLURM_RESTART_COUNT", "1"}})).job != one.job);
}

TEST_CASE("MASTER_ADDR and MASTER_PORT go before what a launcher implies", "[comm][rendezvous]") {
  for (const Environment& variables : {of_open_mpi(), of_mpich(), of_srun()}) {
    const Rendezvous got =
        read_rendezvous(with(variables, {{"MASTER_ADDR", "fe80::1"}, {"MASTER_PORT", "1234"}}));
    CHECK(got.host == "fe80::1");
    CHECK(got.port == 1234);
  }
}

TEST_CASE("mpirun over machines tells no place of rank 0", "[comm][rendezvous]") {
  CHECK(read_rendezvous(with(of_open_mpi(), {{"OMPI_COMM_WORLD_SIZE", "4"}})).host.empty());
}

TEST_CASE("lists of hosts and of tasks are read as Slurm writes them", "[comm][rendezvous]") {
  const auto host = [](const std::string& list) {
    return read_rendezvous(with(of_srun(), {{"SLURM_STEP_NODELIST", list}})).host;
  };
  CHECK(host("alone") == "alone");
  CHECK(host("b,a[1-2]") == "b");
  CHECK(host("n[7,9-10],m1") == "n7");
  CHECK(host("rack[1-2]-x,y") == "rack1-x");
  CHECK(host("broken[3") == "");
  const auto tasks = [](const std::string& text, const std::string& node) {
    return read_rendezvous(
               with(of_srun(), {{"SLURM_STEP_TASKS_PER_NODE", text}, {"SLURM_NODEID", node}}))
        .local_world;
  };
  CHECK(tasks("2(x3),1", "2") == 2);
  CHECK(tasks("2(x3),1", "3") == 1);
  CHECK(tasks("7", "0") == 7);
  // Nothing to be had from it: at least this rank and those before it.
  CHECK(tasks("x(", "1") == 2);
  CHECK(tasks("", "0") == 2);
}

TEST_CASE("one launcher inside another is understood", "[comm][rendezvous]") {
  // The daemons of mpirun, and the agents of torchrun, are what srun started.
  const Environment daemon =
      with(of_srun(), {{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "1"}});
  check_ranks(read_rendezvous(with(daemon, of_open_mpi())), "Open MPI", 1, 2, 1, 2);
  check_ranks(read_rendezvous(with(daemon, of_torchrun())), "torchrun", 6, 8, 2, 4);
  // mpirun starts one torchrun a machine.
  check_ranks(read_rendezvous(with(of_open_mpi(), of_torchrun())), "torchrun", 6, 8, 2, 4);
  // srun with PMIx or PMI says the same twice.
  check_ranks(read_rendezvous(with(of_srun(), {{"PMIX_RANK", "5"}})), "Slurm", 5, 7, 1, 3);
  check_ranks(read_rendezvous(with(of_srun(), {{"PMI_RANK", "5"}, {"PMI_SIZE", "7"}})), "Slurm", 5,
              7, 1, 3);
}

TEST_CASE("a batch script is one process, however many tasks were asked for",
          "[comm][rendezvous]") {
  Environment batch = of_srun();
  batch["SLURM_PROCID"] = "0";
  batch.erase("SLURM_STEP_ID");
  CHECK(read_rendezvous(batch).world == 1);
  batch["SLURM_STEP_ID"] = "4294967291";
  CHECK(read_rendezvous(batch).world == 1);
}

TEST_CASE("variables that contradict each other are explained", "[comm][rendezvous]") {
  CHECK(refusal({{"RANK", "1"}}).find("RANK is set and WORLD_SIZE is not; set or unset both") !=
        std::string::npos);
  CHECK(refusal({{"WORLD_SIZE", "4"}}).find("WORLD_SIZE is set and RANK is not") !=
        std::string::npos);
  CHECK(refusal({{"RANK", "4"}, {"WORLD_SIZE", "4"}}).find("RANK: expected 0 to 3, got '4'") !=
        std::string::npos);
  CHECK(refusal({{"RANK", "one"}, {"WORLD_SIZE", "4"}}).find("got 'one'") != std::string::npos);
  CHECK(refusal({{"RANK", "0"}, {"WORLD_SIZE", "99999999999"}}).find("WORLD_SIZE: expected 1 to") !=
        std::string::npos);
  CHECK(refusal(with(of_torchrun(), {{"LOCAL_RANK", "4"}})).find("LOCAL_RANK: expected 0 to 3") !=
        std::string::npos);
  CHECK(
      refusal(with(of_torchrun(), {{"MASTER_PORT", "70000"}})).find("MASTER_PORT: expected 1 to") !=
      std::string::npos);
  const std::string two = refusal(with(of_open_mpi(), {{"RANK", "0"}, {"WORLD_SIZE", "4"}}));
  CHECK(two.find("RANK=0 and WORLD_SIZE=4 (torchrun) contradict OMPI_COMM_WORLD_RANK=1 and "
                 "OMPI_COMM_WORLD_SIZE=2 (Open MPI); unset those") != std::string::npos);
  CHECK(refusal({{"PMIX_RANK", "3"}}).find("set RANK and WORLD_SIZE") != std::string::npos);
}

TEST_CASE("the variables of this process are read", "[comm][rendezvous]") {
  CHECK(train::process_environment().count("PATH") == 1);
}
