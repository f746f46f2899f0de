#pragma once

#include <cstdint>
#include <string>

namespace orchid::train {

/// The machine a run or measurement is from.
struct Machine {
  std::string host;
  std::string cpu;          ///< model name
  int processors = 0;       ///< usable by this process
  double memory_bytes = 0;  ///< of the machine
};
Machine this_machine();

}  // namespace orchid::train
