#pragma once

#include "tests/support/op_check.h"

namespace orchid::test {

/// What an Acc operand that started at `start` holds after `gain` was added.
inline Array added_to(double start, Array gain) {
  for (double& value : gain) value += start;
  return gain;
}

inline Array scaled(Array values, double factor) {
  for (double& value : values) value *= factor;
  return values;
}

/// Rounded to bf16, so that every precision sees one input.
inline Array exact(Array values) {
  for (double& value : values) value = Bfloat16(value);
  return values;
}

/// Of a result of type ctx.accumulate(): `tolerance`, but that of float32 beside bf16.
constexpr Tolerance of_sums(DType compute, Tolerance tolerance) {
  return compute == DType::bf16 ? kF32 : tolerance;
}

/// `tolerance`, but no tighter than the numeric gradient it is held against.
constexpr Tolerance for_numeric(Tolerance tolerance) {
  return {std::max(tolerance.relative, kNumeric.relative)};
}

/// Same bits, not just close.
inline void check_equal(const std::string& name, const Array& got, const Array& expected) {
  INFO(name);
  REQUIRE(got.size() == expected.size());
  const auto [at, other] = std::mismatch(got.begin(), got.end(), expected.begin());
  const bool equal = at == got.end();  // not the arrays: Catch2 would print them whole
  INFO((equal ? "" : str("first difference at ", at - got.begin(), ": ", *at, ", not ", *other)));
  CHECK(equal);
}

/// Runs `compute(ctx)` in float32 with 1, 2, 5 and 30 threads, on a GPU four times: it must return
/// the same bits.
template <class Compute>
void check_same_for_any_threads(const Compute& compute) {
  Context one(test_device(), DType::f32, 1);
  const Array expected = compute(one);
  for (const int threads : {2, 5, 30}) {
    INFO("threads " << threads);
    Context ctx(test_device(), DType::f32, threads);
    check_equal("result", compute(ctx), expected);
  }
}

}  // namespace orchid::test
