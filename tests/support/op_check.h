#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "kernels/core/context.h"
#include "kernels/core/philox.h"
#include "kernels/core/run.h"
#include "tests/support/catch.h"

namespace orchid::test {

using Array = std::vector<double>;

/// Uniform in [-1, 1) and exact in bf16, so that every precision sees one input.
inline Array random_array(std::int64_t n, std::uint64_t seed) {
  const Philox philox(seed, RandomPurpose::test);
  Array values(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = Bfloat16(2 * philox.uniform(0, i) - 1.0);
  return values;
}

/// A tensor of any type with these values, converted.
template <class Value>
Tensor upload(const Context& ctx, const std::vector<Value>& values, const Shape& shape,
              DType dtype) {
  Tensor tensor = Tensor::empty(shape, dtype, make_host_pool());
  REQUIRE(tensor.count() == std::ssize(values));
  dispatch_any(dtype, [&](auto zero) {
    auto* out = tensor.data<decltype(zero)>();
    for (const Value value : values) *out++ = static_cast<decltype(zero)>(value);
  });
  return to_memory(tensor, ctx.memory());
}

/// Floating values in the context's element type.
inline Tensor upload(const Context& ctx, const Array& values, const Shape& shape) {
  return upload(ctx, values, shape, ctx.compute());
}

/// Parameters, statistics, spectra: f32 beside bf16 activations.
inline Tensor upload_f(const Context& ctx, const Array& values, const Shape& shape) {
  return upload(ctx, values, shape, ctx.accumulate());
}

inline Tensor upload_i32(const Context& ctx, const std::vector<std::int32_t>& values,
                         const Shape& shape) {
  return upload(ctx, values, shape, DType::i32);
}

/// Every element the same: what an Acc operand starts with in a test is not zero.
inline Tensor filled(const Context& ctx, const Shape& shape, double value) {
  return upload(ctx, Array(static_cast<std::size_t>(shape.count()), value), shape);
}

/// NaN everywhere: what an Out operand starts with in a test.
inline Tensor poisoned(const Context& ctx, const Shape& shape) {
  return filled(ctx, shape, NAN);
}

/// The same two for tensors of type ctx.accumulate().
inline Tensor filled_f(const Context& ctx, const Shape& shape, double value) {
  return upload_f(ctx, Array(static_cast<std::size_t>(shape.count()), value), shape);
}
inline Tensor poisoned_f(const Context& ctx, const Shape& shape) {
  return filled_f(ctx, shape, NAN);
}

inline Array download(const Tensor& tensor) {
  return values_of(tensor);
}

/// Largest difference allowed, relative to the largest expected magnitude of the tensor.
struct Tolerance {
  double relative;
  constexpr Tolerance operator*(double factor) const { return {relative * factor}; }
};
/// 30 roundings of float32, and 5000 of double (whose references round too).
constexpr Tolerance kF32{2e-6};
constexpr Tolerance kF64{1e-12};
/// The rounding of a bf16 result, 2^-9, twice over.
constexpr Tolerance kBf16{4e-3};
/// For numeric_gradient with its default step.
constexpr Tolerance kNumeric{1e-8};

/// One CHECK of the worst element, which it reports; NaN fails.
inline void check_close(const std::string& name, const Array& got, const Array& expected,
                        Tolerance tolerance) {
  INFO(name);
  REQUIRE((got.size() == expected.size() && !got.empty()));
  double largest = 0, worst = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double error = std::abs(got[i] - expected[i]);
    largest = std::max(largest, std::abs(expected[i]));
    if (error <= worst || std::isnan(worst)) continue;  // a NaN is neither <= nor passed over
    worst = error;
    at = i;
  }
  INFO(name << "[" << at << "]: expected " << expected[at] << ", got " << got[at] << ", error "
            << worst << ", largest " << largest);
  CHECK(worst <= tolerance.relative * largest);
}
inline void check_close(const std::string& name, const Tensor& got, const Array& expected,
                        Tolerance tolerance) {
  check_close(name, download(got), expected, tolerance);
}

/// d/dx of sum_i g_i f(x)_i by central differences; f takes and returns an Array.
template <class Function>
Array numeric_gradient(const Function& f, Array x, const Array& g, double step = 1e-5) {
  Array gradient(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double saved = std::exchange(x[i], x[i] + step);
    const Array above = f(x);
    x[i] = saved - step;
    const Array below = f(x);
    x[i] = saved;
    for (std::size_t j = 0; j < g.size(); ++j)
      gradient[i] += g[j] * (above[j] - below[j]) / (2 * step);
  }
  return gradient;
}

/// Where the tests of this program run: on the CPU, or, in a program linked with the CUDA backend
/// (or with the same kernels on the host executor), on its first GPU.
inline Device test_device() {
  return built_with_cuda() ? Device{DeviceType::cuda, 0} : Device{};
}

/// One context a device and element type: a device's state, such as its stream, is made once. They
/// stay to the end of the process, when CUDA's libraries may be gone before static objects.
inline Context& test_context(DType compute = DType::f32) {
  static auto& contexts = *new std::map<DType, Context>;
  const auto found = contexts.find(compute);
  if (found != contexts.end()) return found->second;
  return contexts.try_emplace(compute, test_device(), compute, 2).first->second;
}

/// Calls body(ctx, dtype, tolerance) with more than one thread: in float32 and, on the CPU,
/// float64.
template <class Body>
void for_each_compute(const Body& body) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    if (dtype == DType::f64 && built_with_cuda()) continue;
    INFO("compute " << name_of(dtype) << " on " << test_device());
    body(test_context(dtype), dtype, dtype == DType::f32 ? kF32 : kF64);
  }
}

/// The same, and in bf16 on a GPU: for ops on activations. There the tolerance is that of a result
/// in bf16; what is of type ctx.accumulate() can be held to kF32.
template <class Body>
void for_each_precision(const Body& body) {
  for_each_compute(body);
  if (!built_with_cuda()) return;
  INFO("compute bf16 on " << test_device());
  body(test_context(DType::bf16), DType::bf16, kBf16);
}

/// The callable throws an Error whose text contains `part`.
template <class Callable>
void require_error(const Callable& callable, const std::string& part) {
  std::string text = "no error";
  try {
    callable();
  } catch (const Error& error) {
    text = error.what();
  }
  INFO("expected an error with \"" << part << "\", got: " << text);
  CHECK(text.find(part) != std::string::npos);
}

}  // namespace orchid::test
