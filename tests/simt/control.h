#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/simt/options.h"

/// What tests ask of the host executor beside the CUDA runtime.
namespace orchid::simt {

/// Runs all work that streams still hold; unlike a synchronisation returns no failure.
void finish_work();
/// The text of the failure that device work ended with, empty if none did.
std::string failure_text();
/// Forgets the failure, which CUDA cannot within a process; true if no call had returned it.
bool clear_failure();

/// The kernels that ran since the last call, by name: "orchid::ops::(anonymous
/// namespace)::fill<float, 4>".
std::vector<std::string> launched_kernels();

/// How well the accesses of one source line use the memory. Requests are warp instructions.
struct Traffic {
  std::string file;
  unsigned line = 0;
  bool shared = false;  ///< shared memory, else global
  bool store = false;   ///< else load
  unsigned bytes = 0;   ///< of one thread's access
  std::uint64_t requests = 0;
  std::uint64_t cost = 0;   ///< cycles of the banks, or sectors of 32 bytes
  std::uint64_t ideal = 0;  ///< the least cost the same bytes could have
};

/// What was counted in lines of this file since the last call with options().count_traffic set,
/// in the order of lines; empty in libraries that are not checked.
std::vector<Traffic> traffic_of(const std::string& file);

}  // namespace orchid::simt
