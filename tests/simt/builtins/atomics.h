#pragma once

#include <cstring>
#include <type_traits>

// Atomics on integers; float sums in no fixed order are not for this project. Part of
// tests/simt/builtins.h.

template <class T, class Update>
SIMT_BUILTIN T simt_atomic(T* address, SimtWhere where, const Update& update) {
  static_assert(std::is_integral_v<T> && sizeof(T) >= 4, "atomics take integers of 4 or 8 bytes");
  std::uint64_t bits = orchid::simt::begin_atomic(address, sizeof(T), where);
  T old;
  std::memcpy(&old, &bits, sizeof(T));
  const T updated = update(old);
  bits = 0;
  std::memcpy(&bits, &updated, sizeof(T));
  orchid::simt::end_atomic(address, sizeof(T), bits);
  return old;
}

#define SIMT_ATOMIC(function, expression)                                                      \
  template <class T>                                                                           \
  SIMT_BUILTIN T function(T* address, std::type_identity_t<T> value,                           \
                          SimtWhere where = SimtWhere::current()) {                            \
    return simt_atomic(address, where, [value](T old) { return static_cast<T>(expression); }); \
  }
SIMT_ATOMIC(atomicAdd, old + value)
SIMT_ATOMIC(atomicSub, old - value)
SIMT_ATOMIC(atomicMax, old < value ? value : old)
SIMT_ATOMIC(atomicMin, value < old ? value : old)
SIMT_ATOMIC(atomicAnd, old& value)
SIMT_ATOMIC(atomicOr, old | value)
SIMT_ATOMIC(atomicXor, old ^ value)
SIMT_ATOMIC(atomicInc, old >= value ? 0 : old + 1)
#undef SIMT_ATOMIC

template <class T>
SIMT_BUILTIN T atomicExch(T* address, std::type_identity_t<T> value,
                          SimtWhere where = SimtWhere::current()) {
  return simt_atomic(address, where, [value](T) { return value; });
}
template <class T>
SIMT_BUILTIN T atomicCAS(T* address, std::type_identity_t<T> compare, std::type_identity_t<T> value,
                         SimtWhere where = SimtWhere::current()) {
  return simt_atomic(address, where,
                     [compare, value](T old) { return old == compare ? value : old; });
}
