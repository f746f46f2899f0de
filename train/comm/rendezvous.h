#pragma once

#include <map>
#include <string>

namespace orchid::train {

/// Variables of a process by name.
using Environment = std::map<std::string, std::string>;
Environment process_environment();

/// What a launcher told this process of the job it belongs to.
struct Rendezvous {
  std::string launcher;  ///< "torchrun" (and what speaks like it), "Open MPI", "MPICH", "Slurm"; or
                         ///< empty: started alone
  int rank = 0;
  int world = 1;
  int local_rank = 0;   ///< among the ranks of this machine: also the index of the GPU
  int local_world = 1;  ///< how many they are
  std::string host;     ///< where rank 0 serves the store; empty: not told
  int port = 0;
  std::string job;  ///< equal on all ranks, and unlike that of any other job on these machines
};

/// A pure function of the variables. Understood: RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE
/// (torchrun, and whoever sets them), those of Open MPI, of MPICH and its kin, and of srun; with
/// any of them MASTER_ADDR and MASTER_PORT say where rank 0 is. Variables that are there by half,
/// or contradict each other, are a usage Error that says which.
Rendezvous read_rendezvous(const Environment&);

}  // namespace orchid::train
