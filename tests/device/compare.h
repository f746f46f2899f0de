#pragma once

#include "tests/support/op_check.h"

namespace orchid::test {

/// Some hundred roundings on the way from the tokens to a gradient, relative to its largest
/// element.
constexpr Tolerance kThroughTheModel{2e-5};

/// Of results by parameter.
inline void check_all_close(const std::map<std::string, Array>& got,
                            const std::map<std::string, Array>& expected, Tolerance tolerance) {
  REQUIRE(got.size() == expected.size());
  double largest = 0;
  const auto largest_of = [](const Array& values) {
    double result = 0;
    for (const double value : values) result = std::max(result, std::abs(value));
    return result;
  };
  for (const auto& [path, values] : expected) largest = std::max(largest, largest_of(values));
  for (const auto& [path, values] : expected) {
    // A bias before a norm has no gradient: what is there is the rounding of other gradients.
    const double small = largest_of(values) / (1e-2 * largest);
    check_close(path, got.at(path), values, tolerance * (small < 1 ? 1 / small : 1));
  }
}

}  // namespace orchid::test
