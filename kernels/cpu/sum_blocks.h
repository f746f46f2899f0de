#pragma once

#include <algorithm>
#include <cstdint>

namespace orchid::cpu {

/// Terms of one sum in the type of the data before it joins a double one: so the rounding of a long
/// sum grows with the block, not with its length, however few lanes the vectors have.
inline constexpr std::int64_t kSumBlock = 512;

/// body(begin, end) for the blocks of [0, n), in order.
template <class Body>
void for_each_sum_block(std::int64_t n, const Body& body) {
  for (std::int64_t begin = 0; begin < n; begin += kSumBlock)
    body(begin, std::min(n, begin + kSumBlock));
}

}  // namespace orchid::cpu
