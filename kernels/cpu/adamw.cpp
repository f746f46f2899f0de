#include "kernels/ops/adamw.h"

#include <cmath>

#include "kernels/cpu/pointwise.h"

namespace orchid::ops {
namespace {

/// Elements of one partial sum of squares.
constexpr std::int64_t kSumChunk = 16384;

template <class T>
double sum_of_squares(const T* x, std::int64_t n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < n; ++i) {
    const double value = static_cast<double>(x[i]);
    sum += value * value;
  }
  return sum;
}

}  // namespace

void AdamW::cpu(Context& ctx) const {
  const double t = static_cast<double>(step);
  const double step_size = rate / (1.0 - std::pow(beta1, t));
  const double root_correction = 1.0 / std::sqrt(1.0 - std::pow(beta2, t));
  dispatch_float(value->dtype(), [&](auto zero) {
    using T = decltype(zero);
    T *const values = value->data<T>(), *const first = m->data<T>(), *const second = v->data<T>();
    const T* const grads = grad->data<T>();
    const T keep = static_cast<T>(1.0 - decay), size = static_cast<T>(step_size);
    const T correction = static_cast<T>(root_correction), eps = static_cast<T>(epsilon);
    const T b1 = static_cast<T>(beta1), c1 = static_cast<T>(1.0 - beta1);
    const T b2 = static_cast<T>(beta2), c2 = static_cast<T>(1.0 - beta2);
    const T scale = static_cast<T>(grad_scale);
    cpu::for_each_element(ctx, value->count(), [=](std::int64_t i) {
      const T g = scale * grads[i];
      const T mean = b1 * first[i] + c1 * g, square = b2 * second[i] + c2 * g * g;
      first[i] = mean;
      second[i] = square;
      values[i] = keep * values[i] - size * mean / (std::sqrt(square) * correction + eps);
    });
  });
}

void SumOfSquares::cpu(Context& ctx) const {
  dispatch_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const in = x->data<T>();
    const std::int64_t n = x->count(), chunks = (n + kSumChunk - 1) / kSumChunk;
    Tensor partial = ctx.empty({chunks}, DType::f64);
    double* const sums = partial.data<double>();
    cpu::parallel_for(ctx, chunks, 2, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t chunk = begin; chunk < end; ++chunk)
        sums[chunk] =
            sum_of_squares(in + chunk * kSumChunk, std::min(kSumChunk, n - chunk * kSumChunk));
    });
    double total = 0;
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) total += sums[chunk];
    *result->data<double>() = total;
  });
}

}  // namespace orchid::ops
