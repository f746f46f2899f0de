#include "kernels/core/philox.h"

#include <cmath>
#include <numbers>

namespace orchid {

std::array<double, 2> normal_pair(std::uint32_t first, std::uint32_t second) {
  const double radius = std::sqrt(-2.0 * std::log((first + 1.0) * 0x1p-32));  // (0, 1]: no log(0)
  const double angle = 2.0 * std::numbers::pi * (second * 0x1p-32);
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

}  // namespace orchid
