#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/core/error.h"

namespace orchid {

/// Element types of tensors. f64 serves tests and golden checks; the CPU trains in f32.
enum class DType { f32, f64, i32, i64, u8 };

constexpr std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::f64:
    case DType::i64:
      return 8;
    case DType::u8:
      return 1;
  }
  return 0;
}

constexpr const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "f32";
    case DType::f64:
      return "f64";
    case DType::i32:
      return "i32";
    case DType::i64:
      return "i64";
    case DType::u8:
      return "u8";
  }
  return "?";
}

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>) {
    return DType::f32;
  } else if constexpr (std::is_same_v<T, double>) {
    return DType::f64;
  } else if constexpr (std::is_same_v<T, std::int32_t>) {
    return DType::i32;
  } else if constexpr (std::is_same_v<T, std::int64_t>) {
    return DType::i64;
  } else {
    static_assert(std::is_same_v<T, std::uint8_t>, "not an element type of Tensor");
    return DType::u8;
  }
}

/// Calls body(T{}) with T = float or double:
///   dispatch_float(x.dtype(), [&](auto zero) { using T = decltype(zero); ... });
template <class Body>
void dispatch_float(DType dtype, Body&& body) {
  if (dtype == DType::f32) return body(float{});
  ORCHID_CHECK(dtype == DType::f64, "dtype: expected f32 or f64, got ", name_of(dtype));
  body(double{});
}

}  // namespace orchid
