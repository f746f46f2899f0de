#include "kernels/core/philox.h"

#include <cmath>
#include <set>

#include "tests/support/catch.h"

using namespace orchid;
using Words = std::array<std::uint32_t, 4>;

TEST_CASE("philox: the published known answers", "[core][philox]") {
  CHECK(Philox::rounds({0, 0, 0, 0}, {0, 0}) ==
        Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  const std::uint32_t ones = 0xffffffff;
  CHECK(Philox::rounds({ones, ones, ones, ones}, {ones, ones}) ==
        Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(
      Philox::rounds({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
      Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("philox: seed, purpose, item and index all matter", "[core][philox]") {
  std::set<Words> seen;
  for (const std::uint64_t seed : {0, 1})
    for (const auto purpose : {RandomPurpose::dropout, RandomPurpose::masking})
      for (const std::uint64_t item : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 40})
        for (const std::uint64_t index :
             {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 40})
          seen.insert(Philox(seed, purpose).words(item, index));
  CHECK(seen.size() == 2 * 2 * 3 * 3);
}

TEST_CASE("philox: uniform and normal numbers have their moments", "[core][philox]") {
  const Philox philox(3, RandomPurpose::test);
  constexpr int kCount = 40000;
  double sum = 0, squares = 0, normal_sum = 0, normal_squares = 0;
  for (std::uint64_t i = 0; i < kCount; ++i) {
    const double u = philox.uniform(0, i);
    REQUIRE((u >= 0 && u < 1));
    sum += u;
    squares += u * u;
    const auto words = philox.words(1, i);
    const double n = normal_pair(words[0], words[1])[i % 2];
    normal_sum += n;
    normal_squares += n * n;
  }
  const double three_sigma = 3 / std::sqrt(kCount);
  CHECK(std::abs(sum / kCount - 0.5) < three_sigma * std::sqrt(1.0 / 12));
  CHECK(std::abs(squares / kCount - 1.0 / 3) < three_sigma * std::sqrt(4.0 / 45));
  CHECK(std::abs(normal_sum / kCount) < three_sigma);
  CHECK(std::abs(normal_squares / kCount - 1) < three_sigma * std::sqrt(2.0));
  for (std::uint32_t word : {0u, 1u, 0x7fffffffu, 0xffffffffu}) CHECK(Philox::below(7, word) < 7);
}
