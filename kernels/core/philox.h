#pragma once

#include <array>
#include <cstdint>

namespace orchid {

/// What random numbers are for: draws with different purposes are independent.
enum class RandomPurpose : std::uint32_t {
  initialisation = 1,
  dropout = 2,
  masking = 3,
  shuffle = 4,
  synthetic = 5,
  test = 6,
  augmentation = 7,
};

/// Counter-based random numbers, Philox4x32-10 (Salmon et al. 2011): a pure function of
/// (seed, purpose, item, index), so the same on every device, for every thread count and order.
class Philox {
 public:
  constexpr Philox(std::uint64_t seed, RandomPurpose purpose)
      : key_(mix(seed + 0x9E3779B97F4A7C15ull * static_cast<std::uint64_t>(purpose))) {}

  /// What seed and purpose come to: for code that makes the words elsewhere.
  constexpr std::uint64_t key() const { return key_; }

  /// Four 32-bit words; `item` is a step, sample or tensor, `index` a position in it.
  constexpr std::array<std::uint32_t, 4> words(std::uint64_t item, std::uint64_t index) const {
    return rounds({low(index), high(index), low(item), high(item)}, {low(key_), high(key_)});
  }

  /// The ten rounds themselves: a bijection of the counter for each key.
  static constexpr std::array<std::uint32_t, 4> rounds(std::array<std::uint32_t, 4> c,
                                                       std::array<std::uint32_t, 2> key) {
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t p0 = 0xD2511F53ull * c[0], p1 = 0xCD9E8D57ull * c[2];
      c = {high(p1) ^ c[1] ^ key[0], low(p1), high(p0) ^ c[3] ^ key[1], low(p0)};
      key = {key[0] + 0x9E3779B9u, key[1] + 0xBB67AE85u};
    }
    return c;
  }

  /// Uniform in [0, 1) with 32 random bits: element `index` of item's sequence.
  constexpr double uniform(std::uint64_t item, std::uint64_t index) const {
    return words(item, index / 4)[index % 4] * 0x1p-32;
  }

  /// Uniform integer in [0, n), n < 2^32, by multiplication (bias below n / 2^32).
  static constexpr std::uint32_t below(std::uint32_t n, std::uint32_t word) {
    return high(static_cast<std::uint64_t>(n) * word);
  }

 private:
  static constexpr std::uint32_t low(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
  static constexpr std::uint32_t high(std::uint64_t x) {
    return static_cast<std::uint32_t>(x >> 32);
  }
  /// SplitMix64 finaliser: neighbouring seeds give unrelated keys.
  static constexpr std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return x ^ (x >> 31);
  }

  std::uint64_t key_;
};

/// Two standard normal numbers from two words (Box-Muller).
std::array<double, 2> normal_pair(std::uint32_t first, std::uint32_t second);

}  // namespace orchid
