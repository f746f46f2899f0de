#include "data/image/normals.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numbers>

#include "data/image/fast.h"

namespace orchid::data {
namespace {

constexpr std::size_t kLanes = 16;  ///< indices worked on at once
template <class T>
using Lanes = std::array<T, kLanes>;

/// The words of indices first ... first + kLanes - 1, as Philox::words has them.
ORCHID_INLINE void draw_words(std::uint64_t key, std::uint64_t item, std::uint64_t first,
                              std::array<Lanes<std::uint32_t>, 4>& c) {
  for (std::size_t i = 0; i < kLanes; ++i) {
    c[0][i] = static_cast<std::uint32_t>(first + i);
    c[1][i] = static_cast<std::uint32_t>((first + i) >> 32);
    c[2][i] = static_cast<std::uint32_t>(item);
    c[3][i] = static_cast<std::uint32_t>(item >> 32);
  }
  auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u)
    for (std::size_t i = 0; i < kLanes; ++i) {
      const std::uint64_t p0 = 0xD2511F53ull * c[0][i], p1 = 0xCD9E8D57ull * c[2][i];
      const std::uint32_t first_word = static_cast<std::uint32_t>(p1 >> 32) ^ c[1][i] ^ k0;
      const std::uint32_t third_word = static_cast<std::uint32_t>(p0 >> 32) ^ c[3][i] ^ k1;
      c[1][i] = static_cast<std::uint32_t>(p1);
      c[3][i] = static_cast<std::uint32_t>(p0);
      c[0][i] = first_word;
      c[2][i] = third_word;
    }
}

/// Square root of -2 ln((word + 1) / 2^32). With (word + 1) = m 2^e, m from 0.7 to 1.4 and
/// s = (m - 1) / (m + 1): ln m = 2 (s + s^3 / 3 + s^5 / 5 + ...).
ORCHID_INLINE float radius_of(std::uint32_t word) {
  // In two parts, as there is no fast way from 32 unsigned bits to float.
  const float high = static_cast<float>(static_cast<std::int32_t>(word >> 8));
  const float low = static_cast<float>(static_cast<std::int32_t>(word & 255));
  const float value = high * 256.0f + (low + 1.0f);
  constexpr std::uint32_t kRoot = 0x3F3504F3;  // of 1/2
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value) - kRoot;
  const auto exponent = static_cast<std::int32_t>(bits >> 23) - 32;
  const float m = std::bit_cast<float>((bits & 0x7FFFFF) + kRoot);
  const float s = (m - 1.0f) / (m + 1.0f), q = s * s;
  const float series = 1.0f + q * (1.0f / 3 + q * (1.0f / 5 + q * (1.0f / 7 + q * (1.0f / 9))));
  const float log = static_cast<float>(exponent) * std::numbers::ln2_v<float> + 2.0f * s * series;
  return std::sqrt(std::max(-2.0f * log, 0.0f));
}

/// Cosine and sine of word / 2^32 of a turn: of the angle from the nearest quarter by their series.
ORCHID_INLINE void direction_of(std::uint32_t word, float& cosine, float& sine) {
  const std::uint32_t quarter = (word + 0x20000000u) >> 30;
  const auto beyond = static_cast<std::int32_t>(word - (quarter << 30));
  const float angle = static_cast<float>(beyond) * (2 * std::numbers::pi_v<float> * 0x1p-32f);
  const float q = angle * angle;
  const float s = angle * (1.0f - q * (1.0f / 6 - q * (1.0f / 120 - q * (1.0f / 5040))));
  const float c = 1.0f - q * (0.5f - q * (1.0f / 24 - q * (1.0f / 720 - q * (1.0f / 40320))));
  const bool swapped = (quarter & 1) != 0;
  const float x = swapped ? s : c, y = swapped ? c : s;
  cosine = ((quarter + 1) & 2) != 0 ? -x : x;
  sine = (quarter & 2) != 0 ? -y : y;
}

ORCHID_FAST void fill(std::uint64_t key, std::uint64_t item, std::uint64_t first, float* out) {
  std::array<Lanes<std::uint32_t>, 4> words;
  draw_words(key, item, first, words);
  for (std::size_t pair = 0; pair < 4; pair += 2) {
    Lanes<float> cosines, sines;
    for (std::size_t i = 0; i < kLanes; ++i) {
      const float radius = radius_of(words[pair][i]);
      float cosine, sine;
      direction_of(words[pair + 1][i], cosine, sine);
      cosines[i] = radius * cosine;
      sines[i] = radius * sine;
    }
    for (std::size_t i = 0; i < kLanes; ++i) {
      out[4 * i + pair] = cosines[i];
      out[4 * i + pair + 1] = sines[i];
    }
  }
}

}  // namespace

void fill_normals(const Philox& random, std::uint64_t item, std::uint64_t first,
                  std::span<float> out) {
  std::array<float, 4 * kLanes> block;
  for (std::size_t at = 0; at < out.size(); at += block.size(), first += kLanes) {
    const std::size_t count = std::min(block.size(), out.size() - at);
    float* to = count == block.size() ? out.data() + at : block.data();
    fill(random.key(), item, first, to);
    if (count < block.size()) std::copy_n(block.data(), count, out.data() + at);
  }
}

}  // namespace orchid::data
