#pragma once

#include <bit>
#include <cstdint>

namespace orchid {

/// The upper half of a float32, as the host sees a bf16 element: converted, never computed with.
struct Bfloat16 {
  std::uint16_t bits = 0;

  Bfloat16() = default;
  /// Rounds to nearest, ties to even; NaN stays NaN.
  template <class Number>
  explicit Bfloat16(Number value) {
    const auto word = std::bit_cast<std::uint32_t>(static_cast<float>(value));
    const bool nan = (word & 0x7fffffffu) > 0x7f800000u;
    bits = static_cast<std::uint16_t>(nan ? (word >> 16) | 0x40u
                                          : (word + 0x7fffu + (word >> 16 & 1u)) >> 16);
  }
  operator float() const {  // NOLINT: as between the built-in types
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
};

}  // namespace orchid
