#pragma once

#include <cstdint>

#include "kernels/core/error.h"
#include "kernels/core/philox.h"

namespace orchid::data {

/// A pseudo-random order of 0 .. n - 1 in which any place can be looked up at once and nothing is
/// stored: a Feistel network over the next power of four, walked until it lands below n (at most
/// four steps on average).
class Permutation {
 public:
  Permutation(std::int64_t n, std::uint64_t seed, std::uint64_t epoch)
      : n_(static_cast<std::uint64_t>(n)), random_(seed, RandomPurpose::shuffle), epoch_(epoch) {
    ORCHID_CHECK(n > 0 && n <= std::int64_t{1} << 60, "permutation: expected 1 to 2^60, got ", n);
    while ((std::uint64_t{1} << (2 * half_bits_)) < n_) ++half_bits_;
  }

  /// Which element stands at `position`.
  std::int64_t operator()(std::int64_t position) const {
    auto x = static_cast<std::uint64_t>(position);
    do x = encrypt(x);
    while (x >= n_);
    return static_cast<std::int64_t>(x);
  }

 private:
  static constexpr std::uint64_t kRounds = 6;

  std::uint64_t encrypt(std::uint64_t x) const {
    const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
    std::uint64_t left = x >> half_bits_, right = x & mask;
    for (std::uint64_t round = 0; round < kRounds; ++round) {
      const std::uint64_t word = random_.words(epoch_, right << 3 | round)[0];
      const std::uint64_t next = left ^ (word & mask);
      left = right;
      right = next;
    }
    return left << half_bits_ | right;
  }

  std::uint64_t n_;
  Philox random_;
  std::uint64_t epoch_;
  int half_bits_ = 1;
};

}  // namespace orchid::data
