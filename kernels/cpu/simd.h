#pragma once

#include <cstring>
#include <type_traits>
#include <utility>

#define ORCHID_INLINE [[gnu::always_inline]] inline

namespace orchid::cpu {

/// Widest vector of the instruction set this file is compiled for.
#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
inline constexpr int kVectorBytes = 32;
#else
inline constexpr int kVectorBytes = 16;
#endif
/// For work that would not fit the cache, or not occupy all threads, at full width.
inline constexpr int kHalfVectorBytes = kVectorBytes > 16 ? kVectorBytes / 2 : 16;

/// A GCC vector: the usual operators work lane by lane, and a scalar operand is broadcast.
template <class T, int kBytes>
struct VecOf {
  typedef T type __attribute__((vector_size(kBytes)));
};
template <class T, int kBytes = kVectorBytes>
using Vec = typename VecOf<T, kBytes>::type;
template <class T>
using HalfVec = Vec<T, kHalfVectorBytes>;

template <class V>
using Scalar = std::remove_cvref_t<decltype(std::declval<V&>()[0])>;
template <class V>
inline constexpr int kLanes = static_cast<int>(sizeof(V) / sizeof(Scalar<V>));

/// Unaligned.
template <class V>
ORCHID_INLINE V load(const Scalar<V>* from) {
  V value;
  std::memcpy(&value, from, sizeof(V));
  return value;
}
template <class V>
ORCHID_INLINE void store(Scalar<V>* to, V value) {
  std::memcpy(to, &value, sizeof(V));
}

/// The first `count` lanes, the others 0; `count` may be 0.
template <class V>
ORCHID_INLINE V load_some(const Scalar<V>* from, int count) {
  V value{};
  for (int lane = 0; lane < count; ++lane) value[lane] = from[lane];
  return value;
}
template <class V>
ORCHID_INLINE void store_some(Scalar<V>* to, V value, int count) {
  for (int lane = 0; lane < count; ++lane) to[lane] = value[lane];
}

/// Calls body(integral_constant<int, 0>) .. body(integral_constant<int, kCount - 1>), unrolled.
template <int kCount, class Body>
ORCHID_INLINE void unroll(const Body& body) {
  [&]<int... kIndex>(std::integer_sequence<int, kIndex...>) __attribute__((always_inline)) {
    (body(std::integral_constant<int, kIndex>{}), ...);
  }
  (std::make_integer_sequence<int, kCount>{});
}

}  // namespace orchid::cpu
