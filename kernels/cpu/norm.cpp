#include "kernels/ops/norm.h"

#include <cmath>

#include "kernels/cpu/pointwise.h"
#include "kernels/cpu/row_sums.h"
#include "kernels/cpu/sum_blocks.h"

namespace orchid::ops {
namespace {

template <class T>
struct Moments {
  T mean;
  T variance;
};

/// Two passes over a row that then lies in L1: no cancellation, unlike E[x^2] - E[x]^2.
template <class T>
Moments<T> moments(const T* x, std::int64_t n) {
  double total = 0;
  cpu::for_each_sum_block(n, [&](std::int64_t begin, std::int64_t end) {
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t c = begin; c < end; ++c) sum += x[c];
    total += static_cast<double>(sum);
  });
  const T mean = static_cast<T>(total / static_cast<double>(n));
  double squares = 0;
  cpu::for_each_sum_block(n, [&](std::int64_t begin, std::int64_t end) {
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t c = begin; c < end; ++c) sum += (x[c] - mean) * (x[c] - mean);
    squares += static_cast<double>(sum);
  });
  return {mean, static_cast<T>(squares / static_cast<double>(n))};
}

/// One row of LayerNormGrad; adds to the sums of its row chunk.
template <class T>
struct GradRow {
  const T* dy;
  const T* x;
  const T* gamma;
  T* dx;
  T mean;
  T rstd;

  void run(std::int64_t n, T* dgamma, T* dbeta) const {
    double total_g = 0, total_gn = 0;
    cpu::for_each_sum_block(n, [&](std::int64_t begin, std::int64_t end) {
      T sum_g = 0, sum_gn = 0;
#pragma omp simd reduction(+ : sum_g, sum_gn)
      for (std::int64_t c = begin; c < end; ++c) {
        const T g = gamma[c] * dy[c];
        sum_g += g;
        sum_gn += g * ((x[c] - mean) * rstd);
      }
      total_g += static_cast<double>(sum_g);
      total_gn += static_cast<double>(sum_gn);
    });
    const T mean_g = static_cast<T>(total_g / static_cast<double>(n)),
            mean_gn = static_cast<T>(total_gn / static_cast<double>(n));
#pragma omp simd
    for (std::int64_t c = 0; c < n; ++c) {
      const T d = dy[c], normal = (x[c] - mean) * rstd;
      dgamma[c] += d * normal;
      dbeta[c] += d;
      dx[c] = rstd * (gamma[c] * d - mean_g - normal * mean_gn);
    }
  }
};

}  // namespace

void LayerNorm::cpu(Context& ctx) const {
  dispatch_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t width = x->shape().last();
    const T *const in = x->data<T>(), *const scale = gamma->data<T>(),
                   *const shift = beta->data<T>();
    T *const out = y->data<T>(), *const means = mean->data<T>(), *const rstds = rstd->data<T>();
    const T epsilon = static_cast<T>(eps);
    cpu::for_each_row(ctx, x->shape().rows(), width, [=](std::int64_t row) {
      const T* const from = in + row * width;
      T* const to = out + row * width;
      const auto [center, variance] = moments(from, width);
      const T factor = T(1) / std::sqrt(variance + epsilon);
      means[row] = center;
      rstds[row] = factor;
#pragma omp simd
      for (std::int64_t c = 0; c < width; ++c)
        to[c] = (from[c] - center) * factor * scale[c] + shift[c];
    });
  });
}

void LayerNormGrad::cpu(Context& ctx) const {
  dispatch_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t width = x->shape().last();
    const T *const upper = dy->data<T>(), *const in = x->data<T>(), *const scale = gamma->data<T>();
    const T *const means = mean->data<T>(), *const rstds = rstd->data<T>();
    T* const lower = dx->data<T>();
    const Tensor sums =
        cpu::row_sums<T>(ctx, x->shape().rows(), 2 * width, [=](std::int64_t row, T* to) {
          const std::int64_t at = row * width;
          GradRow<T>{upper + at, in + at, scale, lower + at, means[row], rstds[row]}.run(
              width, to, to + width);
        });
    cpu::add_to(dgamma->data<T>(), sums.data<T>(), width);
    cpu::add_to(dbeta->data<T>(), sums.data<T>() + width, width);
  });
}

}  // namespace orchid::ops
