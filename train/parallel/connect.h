#pragma once

#include <memory>

#include "train/comm/communicator.h"
#include "train/comm/rendezvous.h"
#include "train/config/run_config.h"

namespace orchid::train {

/// The index of a rank's GPU among `visible` ones: its place on the machine, unless its launcher
/// left it a single one to see (Slurm's --gpus-per-task=1), which is the first then.
int gpu_of_rank(const Rendezvous&, int visible);

/// What differs for one rank: with several on a machine each takes a GPU of its own, and its share
/// of the processors where nothing else was asked for.
RunConfig for_rank(const RunConfig&, const Rendezvous&);

/// The communicator of this process's ranks: NCCL between GPUs, MPI between CPU processes, as
/// parallel.backend and the context's device say; for one rank only where a backend is named. Waits
/// for all ranks. A usage Error where they cannot be reached that way.
std::unique_ptr<Communicator> connect(const Rendezvous&, const ParallelConfig&, const Context&);

}  // namespace orchid::train
