#pragma once

#include <cstdint>
#include <span>

#include "kernels/core/philox.h"

namespace orchid::data {

/// Fills `out` with standard normal numbers: those that normal_pair makes of the words of `item`
/// from index `first` on, four of each, in float and many at once.
void fill_normals(const Philox& random, std::uint64_t item, std::uint64_t first,
                  std::span<float> out);

}  // namespace orchid::data
