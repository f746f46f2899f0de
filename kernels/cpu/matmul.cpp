#include "kernels/ops/matmul.h"

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/row_sums.h"

namespace orchid::ops {
namespace {

template <class T>
void multiply(const Context& ctx, const Tensor& a, const Tensor& b, const T* bias, Tensor& c,
              cpu::ProductShape product, cpu::Update update) {
  product.m = product.transpose_a ? a.shape().last() : a.shape().rows();
  product.k = product.transpose_a ? a.shape().rows() : a.shape().last();
  product.n = c.shape().last();
  cpu::gemm(ctx, product, cpu::MatrixView<const T>{a.data<T>(), a.shape().last()},
            cpu::MatrixView<const T>{b.data<T>(), b.shape().last()}, bias,
            cpu::MatrixView<T>{c.data<T>(), c.shape().last()}, update);
}

}  // namespace

void Matmul::cpu(Context& ctx) const {
  dispatch_float(a->dtype(), [&](auto zero) {
    using T = decltype(zero);
    multiply<T>(ctx, *a, *b, bias.defined() ? bias->data<T>() : nullptr, *c,
                {.m = 0, .n = 0, .k = 0, .transpose_a = transpose_a, .transpose_b = transpose_b},
                cpu::Update::overwrite);
  });
}

void MatmulAccumulate::cpu(Context& ctx) const {
  dispatch_float(a->dtype(), [&](auto zero) {
    using T = decltype(zero);
    multiply<T>(ctx, *a, *b, nullptr, *c,
                {.m = 0, .n = 0, .k = 0, .transpose_a = transpose_a, .transpose_b = transpose_b},
                cpu::Update::accumulate);
    if (a_sums.defined()) cpu::add_row_sums<T>(ctx, *a, *a_sums);
  });
}

}  // namespace orchid::ops
