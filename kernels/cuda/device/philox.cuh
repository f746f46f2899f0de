#pragma once

#include "kernels/core/philox.h"
#include "kernels/cuda/launch.h"

namespace orchid::cuda {

/// Philox::words(item, index) for a Philox with this key: the same bits on every device.
inline __device__ uint4 philox_words(std::uint64_t key, std::uint64_t item, std::uint64_t index) {
  const auto low = [](std::uint64_t x) { return static_cast<unsigned>(x); };
  const auto high = [](std::uint64_t x) { return static_cast<unsigned>(x >> 32); };
  uint4 c = make_uint4(low(index), high(index), low(item), high(item));
  unsigned key0 = low(key), key1 = high(key);
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const unsigned high0 = __umulhi(0xD2511F53u, c.x), low0 = 0xD2511F53u * c.x;
    const unsigned high1 = __umulhi(0xCD9E8D57u, c.z), low1 = 0xCD9E8D57u * c.z;
    c = make_uint4(high1 ^ c.y ^ key0, low1, high0 ^ c.w ^ key1, low0);
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return c;
}

}  // namespace orchid::cuda
