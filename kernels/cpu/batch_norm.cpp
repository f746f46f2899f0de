#include <cmath>

#include "kernels/cpu/pointwise.h"
#include "kernels/cpu/row_sums.h"
#include "kernels/ops/norm.h"

namespace orchid::ops {
namespace {

/// Statistics of this batch into `mean` and `rstd`; the running ones move towards them.
template <class T>
void measure(const Context& ctx, const BatchNorm& op) {
  const std::int64_t rows = op.x->shape().rows(), width = op.x->shape().last();
  const T* const in = op.x->data<T>();
  T* const mean = op.mean->data<T>();
  T* const rstd = op.rstd->data<T>();
  const Tensor sums = cpu::row_sums<T>(
      ctx, rows, width, [=](std::int64_t row, T* to) { cpu::add_to(to, in + row * width, width); });
  for (std::int64_t c = 0; c < width; ++c) mean[c] = sums.data<T>()[c] / static_cast<T>(rows);
  const Tensor squares = cpu::row_sums<T>(ctx, rows, width, [=](std::int64_t row, T* to) {
    const T* const from = in + row * width;
#pragma omp simd
    for (std::int64_t c = 0; c < width; ++c) to[c] += (from[c] - mean[c]) * (from[c] - mean[c]);
  });
  T* const running_mean = op.running_mean->data<T>();
  T* const running_var = op.running_var->data<T>();
  const T momentum = static_cast<T>(op.momentum);
  for (std::int64_t c = 0; c < width; ++c) {
    const T total = squares.data<T>()[c];
    rstd[c] = T(1) / std::sqrt(total / static_cast<T>(rows) + static_cast<T>(op.eps));
    running_mean[c] += momentum * (mean[c] - running_mean[c]);
    running_var[c] += momentum * (total / static_cast<T>(rows - 1) - running_var[c]);
  }
}

template <class T>
void take_running(const BatchNorm& op) {
  const std::int64_t width = op.x->shape().last();
  for (std::int64_t c = 0; c < width; ++c) {
    op.mean->data<T>()[c] = op.running_mean->data<T>()[c];
    op.rstd->data<T>()[c] = T(1) / std::sqrt(op.running_var->data<T>()[c] + static_cast<T>(op.eps));
  }
}

}  // namespace

void BatchNorm::cpu(Context& ctx) const {
  dispatch_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    if (training) {
      measure<T>(ctx, *this);
    } else {
      take_running<T>(*this);
    }
    const std::int64_t width = x->shape().last();
    const T *const in = x->data<T>(), *const scale = gamma->data<T>(),
                   *const shift = beta->data<T>();
    const T *const center = mean->data<T>(), *const factor = rstd->data<T>();
    T* const out = y->data<T>();
    cpu::for_each_row(ctx, x->shape().rows(), width, [=](std::int64_t row) {
      const T* const from = in + row * width;
      T* const to = out + row * width;
#pragma omp simd
      for (std::int64_t c = 0; c < width; ++c)
        to[c] = (from[c] - center[c]) * factor[c] * scale[c] + shift[c];
    });
  });
}

void BatchNormGrad::cpu(Context& ctx) const {
  dispatch_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t rows = x->shape().rows(), width = x->shape().last();
    const T *const upper = dy->data<T>(), *const in = x->data<T>(), *const scale = gamma->data<T>();
    const T *const center = mean->data<T>(), *const factor = rstd->data<T>();
    const Tensor sums = cpu::row_sums<T>(ctx, rows, 2 * width, [=](std::int64_t row, T* to) {
      const T *const d = upper + row * width, *const from = in + row * width;
#pragma omp simd
      for (std::int64_t c = 0; c < width; ++c) {
        to[c] += d[c] * ((from[c] - center[c]) * factor[c]);
        to[width + c] += d[c];
      }
    });
    const T *const sum_dn = sums.data<T>(), *const sum_d = sums.data<T>() + width;
    cpu::add_to(dgamma->data<T>(), sum_dn, width);
    cpu::add_to(dbeta->data<T>(), sum_d, width);
    // dx = gamma rstd (dy - mean(dy) - n mean(dy n)); no means where the statistics are constants.
    const T share = training ? T(1) / static_cast<T>(rows) : T(0);
    T* const lower = dx->data<T>();
    cpu::for_each_row(ctx, rows, width, [=](std::int64_t row) {
      const T *const d = upper + row * width, *const from = in + row * width;
      T* const to = lower + row * width;
#pragma omp simd
      for (std::int64_t c = 0; c < width; ++c) {
        const T normal = (from[c] - center[c]) * factor[c];
        to[c] = scale[c] * factor[c] * (d[c] - share * (sum_d[c] + normal * sum_dn[c]));
      }
    });
  });
}

}  // namespace orchid::ops
