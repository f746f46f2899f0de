#include "kernels/cpu/gemm.h"
#include "kernels/cpu/row_sums.h"
#include "kernels/ops/matmul.h"

namespace orchid::ops {

using cpu::MatrixView;
using cpu::Update;

void BlockDiagonal::cpu(Context& ctx) const {
  dispatch_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t blocks = weight->shape()[0], q = weight->shape()[1], p = weight->shape()[2];
    const T* const shift = bias.defined() ? bias->data<T>() : nullptr;
    for (std::int64_t j = 0; j < blocks; ++j) {
      cpu::gemm(ctx, {.m = x->shape().rows(), .n = q, .k = p, .transpose_b = true},
                MatrixView<const T>{x->data<T>() + j * p, blocks * p},
                MatrixView<const T>{weight->data<T>() + j * q * p, p},
                shift ? shift + j * q : nullptr, MatrixView<T>{y->data<T>() + j * q, blocks * q},
                Update::overwrite);
    }
  });
}

void BlockDiagonalGrad::cpu(Context& ctx) const {
  dispatch_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t blocks = weight->shape()[0], q = weight->shape()[1], p = weight->shape()[2];
    const std::int64_t rows = x->shape().rows();
    for (std::int64_t j = 0; j < blocks; ++j) {
      const MatrixView<const T> upper{dy->data<T>() + j * q, blocks * q};
      cpu::gemm(ctx, {.m = rows, .n = p, .k = q}, upper,
                MatrixView<const T>{weight->data<T>() + j * q * p, p}, nullptr,
                MatrixView<T>{dx->data<T>() + j * p, blocks * p}, Update::overwrite);
      cpu::gemm(ctx, {.m = q, .n = p, .k = rows, .transpose_a = true}, upper,
                MatrixView<const T>{x->data<T>() + j * p, blocks * p}, nullptr,
                MatrixView<T>{dweight->data<T>() + j * q * p, p}, Update::accumulate);
    }
    if (dbias.defined()) cpu::add_row_sums<T>(ctx, *dy, *dbias);
  });
}

}  // namespace orchid::ops
