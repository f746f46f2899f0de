#include "kernels/cuda/device/vector.cuh"
#include "kernels/ops/squared_error.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

constexpr int kBlock = 256;

/// One thread a row. dx, which may be x, null: not wanted.
template <class T>
__global__ void __launch_bounds__(kBlock)
    squared_error(const T* x, const float* targets, std::int64_t rows, double* loss, T* dx) {
  const std::int64_t row = grid_thread();
  if (row >= rows) return;
  const float difference = to_float(x[row]) - targets[row];
  loss[row] = difference * difference;
  if (dx) dx[row] = from_float<T>(2 * difference);
}

}  // namespace

void SquaredError::cuda(Context& ctx) const {
  const std::int64_t rows = x->count();
  if (rows == 0) return;
  dispatch_cuda_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(
        {.grid = blocks_for(rows, kBlock), .block = kBlock, .stream = stream_of(ctx), .name = name},
        squared_error<T>, elements<T>(*x), elements<float>(*targets), rows, elements<double>(*loss),
        dx.defined() ? elements<T>(*dx) : nullptr);
  });
}

}  // namespace orchid::ops
