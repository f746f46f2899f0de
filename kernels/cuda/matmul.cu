#include "kernels/cuda/device/vector.cuh"
#include "kernels/cuda/runtime/blas.h"
#include "kernels/ops/matmul.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

/// to[i] += x[i].
__global__ void __launch_bounds__(256) add_vector(const float* x, float* to, std::int64_t n) {
  const std::int64_t i = grid_thread();
  if (i < n) to[i] += x[i];
}

MatrixProduct product_of(const Tensor& a, const Tensor& b, Tensor& c, bool transpose_a,
                         bool transpose_b) {
  return {.a = a.raw(),
          .b = b.raw(),
          .c = c.raw(),
          .operands = a.dtype(),
          .result = c.dtype(),
          .m = transpose_a ? a.shape().last() : a.shape().rows(),
          .n = c.shape().last(),
          .k = transpose_a ? a.shape().rows() : a.shape().last(),
          .transpose_a = transpose_a,
          .transpose_b = transpose_b,
          .a_width = a.shape().last(),
          .b_width = b.shape().last(),
          .c_width = c.shape().last()};
}

}  // namespace

void Matmul::cuda(Context& ctx) const {
  MatrixProduct product = product_of(*a, *b, *c, transpose_a, transpose_b);
  if (bias.defined()) product.bias = elements<float>(*bias);
  multiply(ctx, name, product);
}

void MatmulAccumulate::cuda(Context& ctx) const {
  MatrixProduct product = product_of(*a, *b, *c, transpose_a, transpose_b);
  product.accumulate = true;
  if (!a_sums.defined()) return multiply(ctx, name, product);
  Tensor sums = ctx.empty({product.m}, DType::f32);
  product.a_sums = elements<float>(sums);
  multiply(ctx, name, product);
  if (product.m == 0) return;
  launch({.grid = blocks_for(product.m, 256), .block = 256, .stream = stream_of(ctx), .name = name},
         add_vector, elements<float>(sums), elements<float>(*a_sums), product.m);
}

}  // namespace orchid::ops
