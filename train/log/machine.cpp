#include "train/log/machine.h"

#include <fstream>

#include <sched.h>
#include <unistd.h>

namespace orchid::train {

Machine this_machine() {
  Machine machine;
  char host[256] = "";
  if (gethostname(host, sizeof host - 1) == 0) machine.host = host;
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) {
      machine.cpu = line.substr(std::min(line.size(), line.find(':') + 2));
      break;
    }
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) machine.processors = CPU_COUNT(&set);
  machine.memory_bytes =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
  return machine;
}

}  // namespace orchid::train
