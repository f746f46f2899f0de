#pragma once

#include <cstdint>

#include "kernels/core/context.h"

namespace orchid::cuda {

/// C = op(A) op(B), row-major, optionally as a batch of equal products at constant strides:
///   result (m, n) = A (m, k) B (k, n), A stored (k, m) with transpose_a, B (n, k) with transpose_b
/// Operands f32 or bf16 (both the same), result of their type or f32, sums in float32. Products of
/// f32 keep float32 accuracy unless the context allows tf32. An activation is an op of its own: the
/// GELU that cuBLASLt can add is the tanh form, ours is exact.
struct MatrixProduct {
  const void* a = nullptr;
  const void* b = nullptr;
  void* c = nullptr;
  DType operands = DType::f32;
  DType result = DType::f32;
  std::int64_t m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
  std::int64_t a_width = 0, b_width = 0, c_width = 0;  ///< elements from a stored row to the next
  std::int64_t batch = 1;
  std::int64_t a_stride = 0, b_stride = 0, c_stride = 0;  ///< elements from one product to the next
  bool accumulate = false;                                ///< C += instead of C =
  const float* bias = nullptr;  ///< (n), added to every row unless `accumulate`; batched: product i
                                ///< at bias + i * n. Rounded to bf16 beside a bf16 result
  float* a_sums =
      nullptr;  ///< (m), not batched, with transpose_a: sums of A's rows over k are stored here
                ///< (the bias gradient when A is dy), whatever `accumulate` says
  bool allow_tf32 = false;  ///< whatever the context says
};

/// Queues the product on the context's stream. `op` names the op in errors.
void multiply(Context&, const char* op, const MatrixProduct&);

}  // namespace orchid::cuda
