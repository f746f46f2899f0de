#include "train/parallel/connect.h"

#include <algorithm>
#include <cstdlib>

#include "train/comm/backends.h"
#include "train/comm/tcp_store.h"

namespace orchid::train {
namespace {

std::unique_ptr<Communicator> connect_mpi(const Rendezvous& place, const CommOptions& options) {
  constexpr const char* kHow =
      "start ranks on CPUs by orchid train --ranks N, by the mpirun of the MPI that orchid was "
      "built with, or in Slurm by srun --mpi=pmix (Open MPI) or --mpi=pmi2 (MPICH)";
  ORCHID_CHECK_USAGE(place.launcher != "torchrun", "torchrun's ranks do not speak MPI: ", kHow);
  std::unique_ptr<Communicator> comm = make_mpi(options);
  // Without a word from its launcher, MPI takes the process for one alone.
  ORCHID_CHECK_USAGE(comm->rank() == place.rank && comm->world() == place.world, place.launcher,
                     " started rank ", place.rank, " of ", place.world, ", and MPI made it rank ",
                     comm->rank(), " of ", comm->world(), ": ", kHow);
  return comm;
}

}  // namespace

int gpu_of_rank(const Rendezvous& place, int visible) {
  return visible == 1 ? 0 : place.local_rank;
}

RunConfig for_rank(const RunConfig& config, const Rendezvous& place) {
  RunConfig mine = config;
  if (place.world == 1) return mine;
  if (config.device == "cuda" || config.device == "auto") {
    const auto gpus = static_cast<int>(visible_devices().size()) - 1;  // the first is the CPU
    const bool gpu = config.device == "cuda" || gpus > 0;
    mine.device = gpu ? str("cuda:", gpu_of_rank(place, gpus)) : "cpu";
  }
  if (config.threads == 0 && !std::getenv("OMP_NUM_THREADS") && place.local_world > 1)
    mine.threads = std::max<std::int64_t>(Context().threads() / place.local_world, 1);
  return mine;
}

std::unique_ptr<Communicator> connect(const Rendezvous& place, const ParallelConfig& config,
                                      const Context& ctx) {
  if (place.world == 1 && config.backend == CommBackend::automatic) return make_single();
  const bool gpu = ctx.device().type == DeviceType::cuda;
  const CommOptions options{.deadline_s = config.deadline_s};
  const CommBackend wanted = config.backend != CommBackend::automatic ? config.backend
                             : gpu                                    ? CommBackend::nccl
                                                                      : CommBackend::mpi;
  ORCHID_CHECK_USAGE(gpu == (wanted == CommBackend::nccl), "parallel.backend: expected ",
                     gpu ? "nccl, between GPUs" : "mpi, between CPU processes", ", or auto");
  if (!gpu) return connect_mpi(place, options);
  NcclSetup setup{.rank = place.rank, .world = place.world, .memory = ctx.memory()};
  setup.options = options;
  if (place.world > 1) {
    ORCHID_CHECK_USAGE(
        !place.host.empty(),
        "ranks: nothing says where the first one is: set MASTER_ADDR and MASTER_PORT");
    setup.store = open_store(place, config.deadline_s);
  }
  return make_nccl(setup);
}

}  // namespace orchid::train
