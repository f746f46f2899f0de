#include "train/parallel/local_ranks.h"

#include <filesystem>

#include "kernels/core/cuda_part.h"
#include "train/comm/launch.h"

namespace orchid::train {

int run_local_ranks(int ranks, const std::vector<std::string>& arguments, const RunConfig& config,
                    bool json) {
  LaunchOptions options;
  options.ranks = ranks;
  options.command = {std::filesystem::read_symlink("/proc/self/exe").string()};
  options.command.insert(options.command.end(), arguments.begin(), arguments.end());
  options.plain_output = json;
  if (parse_device(config.device).type == DeviceType::cpu) return launch_mpi_ranks(options);
  const auto gpus = static_cast<int>(find_cuda_devices().devices.size());
  ORCHID_CHECK_USAGE(ranks <= gpus, "--ranks: one a GPU: expected at most ", gpus, ", got ", ranks);
  return launch_ranks(options);
}

}  // namespace orchid::train
