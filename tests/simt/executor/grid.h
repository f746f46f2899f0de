#pragma once

#include <stdexcept>
#include <string>

#include "tests/simt/launch.h"

namespace orchid::simt {

/// What ended a kernel early, or what the checker found in it.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Runs all blocks, one after another, in the order of the options; throws Failure.
void run_grid(const Launch& launch);

}  // namespace orchid::simt
