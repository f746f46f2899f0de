#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/core/bfloat16.h"
#include "kernels/core/error.h"

namespace orchid {

/// Element types of tensors. f64 serves tests and golden checks on the CPU, which trains in f32;
/// bf16 holds activations and product operands on a GPU.
enum class DType { f32, f64, bf16, i32, i64, u8 };

constexpr std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::f64:
    case DType::i64:
      return 8;
    case DType::bf16:
      return 2;
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
    case DType::bf16:
      return "bf16";
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
  } else if constexpr (std::is_same_v<T, Bfloat16>) {
    return DType::bf16;
  } else if constexpr (std::is_same_v<T, std::int32_t>) {
    return DType::i32;
  } else if constexpr (std::is_same_v<T, std::int64_t>) {
    return DType::i64;
  } else {
    static_assert(std::is_same_v<T, std::uint8_t>, "not an element type of Tensor");
    return DType::u8;
  }
}

/// Type of parameters, statistics, spectra and sums beside activations of type `compute`: f32 for
/// bf16, else the same.
constexpr DType accumulate_type(DType compute) {
  return compute == DType::bf16 ? DType::f32 : compute;
}

/// Calls body(T{}) with T = float or double:
///   dispatch_float(x.dtype(), [&](auto zero) { using T = decltype(zero); ... });
template <class Body>
void dispatch_float(DType dtype, Body&& body) {
  if (dtype == DType::f32) return body(float{});
  ORCHID_CHECK(dtype == DType::f64, "dtype: expected f32 or f64, got ", name_of(dtype));
  body(double{});
}

/// Calls body(T{}) with the host type of any element type.
template <class Body>
void dispatch_any(DType dtype, Body&& body) {
  if (dtype == DType::i32) return body(std::int32_t{});
  if (dtype == DType::i64) return body(std::int64_t{});
  if (dtype == DType::u8) return body(std::uint8_t{});
  if (dtype == DType::bf16) return body(Bfloat16{});
  dispatch_float(dtype, body);
}

}  // namespace orchid
