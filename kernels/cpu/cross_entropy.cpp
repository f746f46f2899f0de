#include "kernels/ops/cross_entropy.h"

#include <cmath>

#include "kernels/cpu/math.h"
#include "kernels/cpu/pointwise.h"
#include "kernels/cpu/sum_blocks.h"

namespace orchid::ops {
namespace {

template <class T>
T largest_of(const T* x, std::int64_t n) {
  T largest = x[0];
#pragma omp simd reduction(max : largest)
  for (std::int64_t v = 0; v < n; ++v) largest = largest < x[v] ? x[v] : largest;
  return largest;
}

/// Sum of exp(x - largest); each term also goes to `terms` where that is not null (may be x).
template <class T, bool kKeep>
double exp_sum(const T* x, T largest, std::int64_t n, T* terms) {
  double total = 0;
  cpu::for_each_sum_block(n, [&](std::int64_t begin, std::int64_t end) {
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t v = begin; v < end; ++v) {
      const T term = cpu::math::exp(x[v] - largest);
      if constexpr (kKeep) terms[v] = term;
      sum += term;
    }
    total += static_cast<double>(sum);
  });
  return total;
}

/// The targets, checked to be classes or -1.
const std::int32_t* checked_targets(const Tensor& targets, std::int64_t width) {
  const auto* const values = targets.data<std::int32_t>();
  for (std::int64_t i = 0; i < targets.count(); ++i)
    ORCHID_CHECK(values[i] >= -1 && values[i] < width, CrossEntropy::name, ": targets[", i,
                 "]: expected an index in [0, ", width, ") or -1, got ", values[i]);
  return values;
}

}  // namespace

void CrossEntropy::cpu(Context& ctx) const {
  const std::int64_t width = logits->shape()[1];
  const auto* const target = checked_targets(*targets, width);
  dispatch_float(logits->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const in = logits->data<T>();
    double* const losses = loss->data<double>();
    std::int32_t* const hits = correct->data<std::int32_t>();
    T* const gradient = dlogits.defined() ? dlogits->data<T>() : nullptr;
    cpu::for_each_row(ctx, logits->shape()[0], width, [=](std::int64_t row) {
      const T* const x = in + row * width;
      T* const dx = gradient ? gradient + row * width : nullptr;
      const std::int64_t t = target[row];
      if (t < 0) {
        losses[row] = 0;
        hits[row] = 0;
        if (dx) std::fill_n(dx, width, T(0));
        return;
      }
      const T wanted = x[t], largest = largest_of(x, width);
      hits[row] = wanted == largest && std::find(x, x + t, largest) == x + t;
      const double sum = dx ? exp_sum<T, true>(x, largest, width, dx)
                            : exp_sum<T, false>(x, largest, width, nullptr);
      losses[row] = std::log(sum) + (static_cast<double>(largest) - static_cast<double>(wanted));
      if (!dx) return;
      const T factor = static_cast<T>(1.0 / sum);
#pragma omp simd
      for (std::int64_t v = 0; v < width; ++v) dx[v] *= factor;
      dx[t] -= T(1);
    });
  });
}

}  // namespace orchid::ops
