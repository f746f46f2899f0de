#pragma once

#include <string>
#include <vector>

#include "train/config/run_config.h"

namespace orchid::train {

/// Starts this program once a rank on this machine, with `arguments`: one rank a GPU, or by MPI's
/// own launcher on the CPU. With `json` the first rank's output stays as it is. Returns the exit
/// code of all. Usage Errors for more ranks than GPUs, and where mpirun is not installed.
int run_local_ranks(int ranks, const std::vector<std::string>& arguments, const RunConfig&,
                    bool json);

}  // namespace orchid::train
