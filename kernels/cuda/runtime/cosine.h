#pragma once

#include "kernels/cuda/runtime/blas.h"
#include "kernels/ops/transform.h"

/// Cosine transforms of short signals as products with a matrix, in the layout (B, L, D) that
/// activations have.
namespace orchid::cuda {

/// Whether a transform whose operands are of this type is done so, by ctx.state<TransformChoice>().
bool transforms_by_product(Context&, ops::TransformKind, std::int64_t length, DType operands);

/// Whether, where that is so, a convolution of signals of this type is one kernel.
bool fuses_convolutions(Context&, std::int64_t length, DType signals);

/// Factors of row 0 and of the others of a matrix of cosines.
struct CosineScales {
  double first = 1, rest = 1;
};

/// A batch of products, either way: bins f = s_f sum_n cos(pi f (2n + 1) / 2N) x_n, or the sums of
/// s_f bin_f over f. The matrix, rounded to the operands' type, is kept with the context.
struct CosineProduct {
  const void* from = nullptr;  ///< (B, N, from_width), the first D columns
  std::int64_t from_width = 0;
  void* to = nullptr;           ///< (B, N, D)
  DType operands = DType::f32;  ///< of from
  DType result = DType::f32;    ///< of to: that, or f32
  std::int64_t samples = 0, length = 0, channels = 0;
  CosineScales scales{};
  bool to_samples = false;  ///< from bins
};

void multiply(Context&, const char* op, const CosineProduct&);

/// cos(pi f (2n + 1) / 2N) in bf16 for n < (N + 1) / 2, even f and odd f apart: (2, rows, rows)
/// with zeros behind; rows >= (N + 1) / 2 is the same in every call with that N. Kept with the
/// context.
const Tensor& folded_cosines(Context&, std::int64_t length, std::int64_t rows);

}  // namespace orchid::cuda
