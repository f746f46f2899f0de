#pragma once

#include "kernels/core/run.h"

namespace orchid::ops {

/// c = op(a) op(b) + bias, op = transpose where asked. Leading axes count as rows: (B, L, D) is a
/// (B L, D) matrix. A Linear layer y = x W^T + c is {.a = x, .b = W, .transpose_b = true}.
struct Matmul {
  static constexpr const char* name = "matmul";
  In a;             ///< (M, K), or (K, M) with transpose_a
  In b;             ///< (K, N), or (N, K) with transpose_b
  OptionalIn bias;  ///< (N), accumulate_type, added to each row
  Out c;            ///< (M, N), of the type of a and b
  bool transpose_a = false;
  bool transpose_b = false;

  ORCHID_OPERANDS(a, b, bias, c)
  double flops() const {
    return 2.0 * static_cast<double>(c->count()) *
           static_cast<double>(transpose_a ? a->shape().rows() : a->shape().last());
  }
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// c += op(a) op(b): weight gradients (dW += dy^T x), and with them those of the bias.
struct MatmulAccumulate {
  static constexpr const char* name = "matmul_accumulate";
  In a;
  In b;
  Acc c;                 ///< accumulate_type
  OptionalAcc a_sums{};  ///< (M), accumulate_type, only with transpose_a: gains the sums of the
                         ///< columns of a as stored, the bias gradient where a is dy
  bool transpose_a = false;
  bool transpose_b = false;

  ORCHID_OPERANDS(a, b, c, a_sums)
  double flops() const {
    return 2.0 * static_cast<double>(c->count()) *
           static_cast<double>(transpose_a ? a->shape().rows() : a->shape().last());
  }
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// Block-diagonal Linear: x split into b chunks of p columns, y chunk j = x chunk j W_j^T.
struct BlockDiagonal {
  static constexpr const char* name = "block_diagonal";
  In x;             ///< (R, b p)
  In weight;        ///< (b, q, p), of the type of x
  OptionalIn bias;  ///< (b q), accumulate_type
  Out y;            ///< (R, b q)

  ORCHID_OPERANDS(x, weight, bias, y)
  double flops() const {
    return 2.0 * static_cast<double>(x->shape().rows()) * static_cast<double>(weight->count());
  }
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// dx chunk j = dy chunk j W_j;  dW_j += (dy chunk j)^T (x chunk j);  dbias += sum over rows of dy.
struct BlockDiagonalGrad {
  static constexpr const char* name = "block_diagonal_grad";
  In dy;              ///< (R, b q)
  In x;               ///< (R, b p)
  In weight;          ///< (b, q, p)
  Out dx;             ///< (R, b p)
  Acc dweight;        ///< (b, q, p), accumulate_type
  OptionalAcc dbias;  ///< (b q), accumulate_type

  ORCHID_OPERANDS(dy, x, weight, dx, dweight, dbias)
  double flops() const {
    return 4.0 * static_cast<double>(x->shape().rows()) * static_cast<double>(weight->count());
  }
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

}  // namespace orchid::ops
