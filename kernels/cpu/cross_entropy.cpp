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

/// Classes, checked to be in [least, width).
const std::int32_t* checked_classes(const char* operand, const Tensor& classes, std::int32_t least,
                                    std::int64_t width) {
  const auto* const values = classes.data<std::int32_t>();
  for (std::int64_t i = 0; i < classes.count(); ++i)
    ORCHID_CHECK(values[i] >= least && values[i] < width, CrossEntropy::name, ": ", operand, "[", i,
                 "]: expected an index in [0, ", width, least < 0 ? ") or -1, got " : "), got ",
                 values[i]);
  return values;
}

/// The probabilities the softmax is held against, beyond the one of `target`.
struct Mixture {
  const std::int32_t* partners = nullptr;  ///< null: none
  const float* shares = nullptr;
  double smoothing = 0;

  bool trivial() const { return !partners && smoothing == 0; }
  double target_weight(std::int64_t row) const {
    return (1 - smoothing) * (partners ? static_cast<double>(shares[row]) : 1);
  }
  double partner_weight(std::int64_t row) const {
    return partners ? (1 - smoothing) * (1 - static_cast<double>(shares[row])) : 0;
  }
};

/// Sum of x - largest.
template <class T>
double difference_sum(const T* x, T largest, std::int64_t n) {
  double total = 0;
  cpu::for_each_sum_block(n, [&](std::int64_t begin, std::int64_t end) {
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t v = begin; v < end; ++v) sum += x[v] - largest;
    total += static_cast<double>(sum);
  });
  return total;
}

/// sum_v q_v (x_v - largest): with log sum_v exp(x_v - largest), the loss.
template <class T>
double expected_difference(const T* x, T largest, std::int64_t n, std::int64_t target,
                           std::int64_t row, const Mixture& q) {
  const auto difference = [&](std::int64_t v) {
    return static_cast<double>(x[v]) - static_cast<double>(largest);
  };
  double sum = q.target_weight(row) * difference(target);
  if (q.partners) sum += q.partner_weight(row) * difference(q.partners[row]);
  if (q.smoothing > 0) sum += q.smoothing / static_cast<double>(n) * difference_sum(x, largest, n);
  return sum;
}

/// dx = softmax - q, where dx holds the softmax.
template <class T>
void subtract_mixture(T* dx, std::int64_t n, std::int64_t target, std::int64_t row,
                      const Mixture& q) {
  const T everywhere = static_cast<T>(q.smoothing / static_cast<double>(n));
  if (q.smoothing > 0) {
#pragma omp simd
    for (std::int64_t v = 0; v < n; ++v) dx[v] -= everywhere;
  }
  dx[target] -= static_cast<T>(q.target_weight(row));
  if (q.partners) dx[q.partners[row]] -= static_cast<T>(q.partner_weight(row));
}

}  // namespace

void CrossEntropy::cpu(Context& ctx) const {
  const std::int64_t width = logits->shape()[1];
  const auto* const target = checked_classes("targets", *targets, -1, width);
  Mixture q{.smoothing = smoothing};
  if (partners.defined()) {
    q.partners = checked_classes("partners", *partners, 0, width);
    q.shares = shares->data<float>();
  }
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
      const double below = q.trivial() ? static_cast<double>(wanted) - static_cast<double>(largest)
                                       : expected_difference(x, largest, width, t, row, q);
      const double sum = dx ? exp_sum<T, true>(x, largest, width, dx)
                            : exp_sum<T, false>(x, largest, width, nullptr);
      losses[row] = std::log(sum) - below;
      if (!dx) return;
      const T factor = static_cast<T>(1.0 / sum);
#pragma omp simd
      for (std::int64_t v = 0; v < width; ++v) dx[v] *= factor;
      subtract_mixture(dx, width, t, row, q);
    });
  });
}

}  // namespace orchid::ops
