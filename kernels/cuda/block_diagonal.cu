#include "kernels/cuda/device/matrix_columns.cuh"
#include "kernels/cuda/runtime/blas.h"
#include "kernels/ops/matmul.h"

namespace orchid::ops {

using namespace orchid::cuda;

void BlockDiagonal::cuda(Context& ctx) const {
  const std::int64_t blocks = weight->shape()[0], q = weight->shape()[1], p = weight->shape()[2];
  multiply(ctx, name,
           {.a = x->raw(),
            .b = weight->raw(),
            .c = y->raw(),
            .operands = x->dtype(),
            .result = y->dtype(),
            .m = x->shape().rows(),
            .n = q,
            .k = p,
            .transpose_b = true,
            .a_width = blocks * p,
            .b_width = p,
            .c_width = blocks * q,
            .batch = blocks,
            .a_stride = p,
            .b_stride = q * p,
            .c_stride = q,
            .bias = bias.defined() ? elements<float>(*bias) : nullptr});
}

void BlockDiagonalGrad::cuda(Context& ctx) const {
  const std::int64_t blocks = weight->shape()[0], q = weight->shape()[1], p = weight->shape()[2];
  const std::int64_t rows = x->shape().rows();
  multiply(ctx, name,
           {.a = dy->raw(),
            .b = weight->raw(),
            .c = dx->raw(),
            .operands = dy->dtype(),
            .result = dx->dtype(),
            .m = rows,
            .n = p,
            .k = q,
            .a_width = blocks * q,
            .b_width = p,
            .c_width = blocks * p,
            .batch = blocks,
            .a_stride = q,
            .b_stride = q * p,
            .c_stride = p});
  multiply(ctx, name,
           {.a = dy->raw(),
            .b = x->raw(),
            .c = dweight->raw(),
            .operands = dy->dtype(),
            .result = dweight->dtype(),
            .m = q,
            .n = p,
            .k = rows,
            .transpose_a = true,
            .a_width = blocks * q,
            .b_width = blocks * p,
            .c_width = p,
            .batch = blocks,
            .a_stride = q,
            .b_stride = p,
            .c_stride = q * p,
            .accumulate = true});
  if (!dbias.defined()) return;
  dispatch_cuda_float(dy->dtype(), [&](auto zero) {
    using T = decltype(zero);
    add_column_sums_of(ctx, name, elements<T>(*dy), rows, blocks * q, blocks * q,
                       elements<float>(*dbias));
  });
}

}  // namespace orchid::ops
