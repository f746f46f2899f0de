#pragma once

#include <memory>

#include "train/comm/communicator.h"
#include "train/comm/store.h"

/// Backends that need libraries of others. Each is a shared library of ours, loaded when it is
/// asked for, so that the program starts where those are not.
namespace orchid::train {

struct NcclSetup {
  int rank = 0;
  int world = 1;
  std::shared_ptr<Memory> memory{};  ///< of this rank's GPU
  std::shared_ptr<Store> store{};    ///< carries NCCL's id and who failed; one rank needs none
  CommOptions options{};
};

/// GPUs, one a process. Throws where this build has no NCCL, or the machine lacks libnccl.so.2.
std::unique_ptr<Communicator> make_nccl(const NcclSetup&);

/// CPU processes that mpirun or srun started as ranks of MPI; from the thread that made it alone.
/// Throws where this build has no MPI, or the machine lacks it.
std::unique_ptr<Communicator> make_mpi(const CommOptions& = {});

/// What the shared libraries define.
using MakeNccl = Communicator*(const NcclSetup&);
constexpr const char* kMakeNccl = "orchid_make_nccl";
using MakeMpi = Communicator*(const CommOptions&);
constexpr const char* kMakeMpi = "orchid_make_mpi";

}  // namespace orchid::train
