#pragma once

#include <cstdint>
#include <utility>

#include "kernels/cpu/simd.h"

namespace orchid::cpu {

/// Two vectors as they pass between memory (a0 b0 a1 b1 ...) and arithmetic (a0 a1 .., b0 b1 ..).
template <class V>
struct Pair {
  V first, second;
};

template <class V>
ORCHID_INLINE Pair<V> interleave(V a, V b) {
  constexpr int n = kLanes<V>;
  if constexpr (n == 1) {
    return {a, b};
  } else {
    return [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
      return Pair<V>{__builtin_shufflevector(a, b, (i / 2 + i % 2 * n)...),
                     __builtin_shufflevector(a, b, (n / 2 + i / 2 + i % 2 * n)...)};
    }
    (std::make_integer_sequence<int, n>{});
  }
}

template <class V>
ORCHID_INLINE Pair<V> deinterleave(V a, V b) {
  constexpr int n = kLanes<V>;
  if constexpr (n == 1) {
    return {a, b};
  } else {
    return [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
      return Pair<V>{__builtin_shufflevector(a, b, (2 * i)...),
                     __builtin_shufflevector(a, b, (2 * i + 1)...)};
    }
    (std::make_integer_sequence<int, n>{});
  }
}

/// Calls body(V{}, i) over [begin, end): whole vectors, then single lanes.
template <class T, class Body>
ORCHID_INLINE void for_each_vector(std::int64_t begin, std::int64_t end, const Body& body) {
  using V = Vec<T>;
  std::int64_t i = begin;
  for (; i + kLanes<V> <= end; i += kLanes<V>) body(V{}, i);
  for (; i < end; ++i) body(Vec<T, sizeof(T)>{}, i);
}

}  // namespace orchid::cpu
