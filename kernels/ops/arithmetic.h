#pragma once

#include "kernels/core/run.h"

namespace orchid::ops {

/// y = value.
struct Fill {
  static constexpr const char* name = "fill";
  Out y;  ///< any shape
  double value = 0;

  ORCHID_OPERANDS(y)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// y = a + b; y may be a or b.
struct Add {
  static constexpr const char* name = "add";
  In a;
  In b;   ///< shape of a
  Out y;  ///< shape of a

  ORCHID_OPERANDS(a, b, y)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// y += scale * x.
struct AddScaled {
  static constexpr const char* name = "add_scaled";
  In x;
  Acc y;  ///< shape of x
  double scale = 1;

  ORCHID_OPERANDS(x, y)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// Columns of a matrix: y = x[:, column .. column + C).
struct CopyColumns {
  static constexpr const char* name = "copy_columns";
  In x;   ///< (R, >= column + C) or (B, L, ...)
  Out y;  ///< (R, C), equal rows
  std::int64_t column = 0;

  ORCHID_OPERANDS(x, y)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// Adjoint of CopyColumns: y[:, column .. column + C) += x.
struct AddColumns {
  static constexpr const char* name = "add_columns";
  In x;   ///< (R, C)
  Acc y;  ///< (R, >= column + C)
  std::int64_t column = 0;

  ORCHID_OPERANDS(x, y)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// y[r, :] = mask[r] * x[r, :]: padding positions to zero. Its own adjoint. y may be x.
struct MaskRows {
  static constexpr const char* name = "mask_rows";
  In x;     ///< (B, L, D)
  In mask;  ///< (B, L) u8, 0 or 1
  Out y;    ///< (B, L, D)

  ORCHID_OPERANDS(x, mask, y)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// y = x in another element type, rounded to nearest.
struct Cast {
  static constexpr const char* name = "cast";
  In x;   ///< f32, f64 (on the CPU) or bf16
  Out y;  ///< shape of x

  ORCHID_OPERANDS(x, y)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// sums[0] += the sum of loss, sums[1] += that of correct, in an order that depends on M only: what
/// CrossEntropy gave for M rows. Without correct, as after SquaredError, sums[1] is left as it is.
struct AddScore {
  static constexpr const char* name = "add_score";
  In loss;             ///< (M) f64
  OptionalIn correct;  ///< (M) i32
  Acc sums;            ///< (2) f64

  ORCHID_OPERANDS(loss, correct, sums)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

}  // namespace orchid::ops
