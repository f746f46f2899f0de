#include "train/parallel/connect.h"

#include <algorithm>
#include <cstdlib>

#include "train/comm/backends.h"
#include "train/comm/tcp_store.h"

namespace orchid::train {

RunConfig for_rank(const RunConfig& config, const Rendezvous& place) {
  RunConfig mine = config;
  if (place.world == 1) return mine;
  if (config.device == "cuda" || config.device == "auto") {
    const bool gpu = config.device == "cuda" || parse_device("auto").type == DeviceType::cuda;
    mine.device = gpu ? str("cuda:", place.local_rank) : "cpu";
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
  if (!gpu) {
    ORCHID_CHECK_USAGE(place.launcher != "torchrun",
                       "ranks on CPUs speak MPI: start them by mpirun or srun, or by --ranks");
    return make_mpi(options);
  }
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
