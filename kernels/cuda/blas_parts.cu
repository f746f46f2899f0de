#include "kernels/cuda/device/matrix_columns.cuh"
#include "kernels/cuda/runtime/blas_parts.h"

namespace orchid::cuda {
namespace {

constexpr int kBlock = 256;

struct Rows {
  std::int64_t m, n, width, batch, stride;
};

/// One thread an element of the batch's results.
template <class T>
__global__ void __launch_bounds__(kBlock) bias_rows(T* c, const float* bias, Rows s) {
  const std::int64_t i = grid_thread();
  if (i >= s.batch * s.m * s.n) return;
  const std::int64_t column = i % s.n, row = i / s.n % s.m, product = i / (s.n * s.m);
  c[product * s.stride + row * s.width + column] =
      from_float<T>(bias ? bias[product * s.n + column] : 0.0f);
}

__global__ void __launch_bounds__(kBlock)
    round_vector(const float* x, __nv_bfloat16* y, std::int64_t n) {
  const std::int64_t i = grid_thread();
  if (i < n) y[i] = from_float<__nv_bfloat16>(x[i]);
}

}  // namespace

void start_with_bias(Context& ctx, const char* op, const MatrixProduct& p) {
  const Rows rows{p.m, p.n, p.c_width, p.batch, p.c_stride};
  dispatch_cuda_float(p.result, [&](auto zero) {
    using T = decltype(zero);
    launch({.grid = blocks_for(p.batch * p.m * p.n, kBlock),
            .block = kBlock,
            .stream = stream_of(ctx),
            .name = op},
           bias_rows<T>, static_cast<T*>(p.c), p.bias, rows);
  });
}

void store_a_sums(Context& ctx, const char* op, const MatrixProduct& p) {
  ctx.memory()->zero(p.a_sums, static_cast<std::size_t>(p.m) * sizeof(float));
  dispatch_cuda_float(p.operands, [&](auto zero) {
    using T = decltype(zero);
    add_column_sums_of(ctx, op, static_cast<const T*>(p.a), p.k, p.m, p.a_width, p.a_sums);
  });
}

void round_bias(Context& ctx, const char* op, const MatrixProduct& p, void* rounded) {
  launch({.grid = blocks_for(p.batch * p.n, kBlock),
          .block = kBlock,
          .stream = stream_of(ctx),
          .name = op},
         round_vector, p.bias, static_cast<__nv_bfloat16*>(rounded), p.batch * p.n);
}

}  // namespace orchid::cuda
