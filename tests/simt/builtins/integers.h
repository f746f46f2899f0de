#pragma once

#include <bit>

// Integer and bit functions. Part of tests/simt/builtins.h.

SIMT_BUILTIN int __popc(unsigned value) {
  return std::popcount(value);
}
SIMT_BUILTIN int __popcll(unsigned long long value) {
  return std::popcount(value);
}
SIMT_BUILTIN int __clz(int value) {
  return std::countl_zero(static_cast<unsigned>(value));
}
SIMT_BUILTIN int __clzll(long long value) {
  return std::countl_zero(static_cast<unsigned long long>(value));
}
SIMT_BUILTIN int __ffs(int value) {
  return __builtin_ffs(value);
}
SIMT_BUILTIN int __ffsll(long long value) {
  return __builtin_ffsll(value);
}
SIMT_BUILTIN unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((static_cast<std::uint64_t>(a) * b) >> 32);
}
SIMT_BUILTIN int __mulhi(int a, int b) {
  return static_cast<int>((static_cast<std::int64_t>(a) * b) >> 32);
}
SIMT_BUILTIN unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<unsigned long long>((static_cast<Wide>(a) * b) >> 64);
}
SIMT_BUILTIN unsigned __brev(unsigned value) {
  value = (value >> 1 & 0x55555555u) | (value & 0x55555555u) << 1;
  value = (value >> 2 & 0x33333333u) | (value & 0x33333333u) << 2;
  value = (value >> 4 & 0x0f0f0f0fu) | (value & 0x0f0f0f0fu) << 4;
  return __builtin_bswap32(value);
}
SIMT_BUILTIN unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  return static_cast<unsigned>((((static_cast<std::uint64_t>(high) << 32) | low) << (shift & 31)) >>
                               32);
}
SIMT_BUILTIN unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  return static_cast<unsigned>(((static_cast<std::uint64_t>(high) << 32) | low) >> (shift & 31));
}

SIMT_BUILTIN int __float_as_int(float value) {
  return std::bit_cast<int>(value);
}
SIMT_BUILTIN unsigned __float_as_uint(float value) {
  return std::bit_cast<unsigned>(value);
}
SIMT_BUILTIN float __int_as_float(int value) {
  return std::bit_cast<float>(value);
}
SIMT_BUILTIN float __uint_as_float(unsigned value) {
  return std::bit_cast<float>(value);
}

#define SIMT_MIN_MAX(T)          \
  SIMT_BUILTIN T min(T a, T b) { \
    return b < a ? b : a;        \
  }                              \
  SIMT_BUILTIN T max(T a, T b) { \
    return a < b ? b : a;        \
  }
SIMT_MIN_MAX(int)
SIMT_MIN_MAX(unsigned)
SIMT_MIN_MAX(long)
SIMT_MIN_MAX(unsigned long)
SIMT_MIN_MAX(long long)
SIMT_MIN_MAX(unsigned long long)
#undef SIMT_MIN_MAX
