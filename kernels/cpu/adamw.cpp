#include "kernels/ops/adamw.h"

#include <cmath>
#include <numeric>
#include <vector>

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

/// Settings of the elements [begin, end).
struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  double rate = 0;
  double decay = 0;
};

std::vector<Range> ranges_of(const AdamW& op) {
  const std::int64_t n = op.value->count();
  if (!op.ranges.defined()) return {{0, n, op.rate, op.decay}};
  const double* row = op.ranges->data<double>();
  std::vector<Range> ranges;
  std::int64_t begin = 0;
  for (std::int64_t i = 0; i < op.ranges->shape()[0]; ++i, row += AdamW::kRangeFields) {
    const auto end = static_cast<std::int64_t>(row[0]);
    ORCHID_CHECK(end >= begin && end <= n, AdamW::name, ": ranges[", i, "]: expected an end in [",
                 begin, ", ", n, "], got ", row[0]);
    const double offset = row[1] > 0 ? row[3] * op.offset : 0, rate = op.rate * row[1] + offset;
    const double share = offset > 0 ? rate / row[1] : op.rate;  // of the peak rate
    ranges.push_back({begin, end, rate, (op.decoupled ? share : rate) * row[2]});
    begin = end;
  }
  ORCHID_CHECK(begin == n, AdamW::name, ": ranges: expected the last end to be ", n, ", got ",
               begin);
  return ranges;
}

template <class T>
void update(const Context& ctx, const AdamW& op, const Range& range, double t, double grad_scale) {
  T *const values = op.value->data<T>() + range.begin, *const first = op.m->data<T>() + range.begin;
  T* const second = op.v->data<T>() + range.begin;
  const T* const grads = op.grad->data<T>() + range.begin;
  const double step_size = range.rate / (1.0 - std::pow(op.beta1, t));
  const double root_correction = 1.0 / std::sqrt(1.0 - std::pow(op.beta2, t));
  const T keep = static_cast<T>(1.0 - range.decay), size = static_cast<T>(step_size);
  const T correction = static_cast<T>(root_correction), eps = static_cast<T>(op.epsilon);
  const T b1 = static_cast<T>(op.beta1), c1 = static_cast<T>(1.0 - op.beta1);
  const T b2 = static_cast<T>(op.beta2), c2 = static_cast<T>(1.0 - op.beta2);
  const T scale = static_cast<T>(grad_scale);
  cpu::for_each_element(ctx, range.end - range.begin, [=](std::int64_t i) {
    const T g = scale * grads[i];
    const T mean = b1 * first[i] + c1 * g, square = b2 * second[i] + c2 * g * g;
    first[i] = mean;
    second[i] = square;
    values[i] = keep * values[i] - size * mean / (std::sqrt(square) * correction + eps);
  });
}

double control_value(const Tensor& control, Control which) {
  return control.data<double>()[static_cast<int>(which)];
}

}  // namespace

void AdamW::cpu(Context& ctx) const {
  if (control.defined() && control_value(*control, Control::apply) == 0) return;
  const double t = static_cast<double>(applied.defined() ? *applied->data<std::int64_t>() : step);
  const double scale = control.defined() ? control_value(*control, Control::scale) : grad_scale;
  dispatch_float(value->dtype(), [&](auto zero) {
    using T = decltype(zero);
    for (const Range& range : ranges_of(*this)) update<T>(ctx, *this, range, t, scale);
    if (!product.defined()) return;
    const T* const values = value->data<T>();
    Bfloat16* const rounded = product->data<Bfloat16>();
    cpu::for_each_element(ctx, value->count(),
                          [=](std::int64_t i) { rounded[i] = Bfloat16(values[i]); });
  });
}

void ClipScale::cpu(Context&) const {
  const double loss = score->data<double>()[0];
  const double* const parts = sum_of_squares->data<double>();
  const double sum = std::accumulate(parts, parts + sum_of_squares->count(), 0.0);
  const double share = targets.defined() ? mean / *targets->data<double>() : mean;
  const double norm = std::sqrt(sum) * share;
  const bool apply = std::isfinite(loss) && std::isfinite(norm);
  const double clip = clip_norm > 0 ? std::min(1.0, clip_norm / (norm + 1e-6)) : 1.0;
  double* const out = control->data<double>();
  out[static_cast<int>(Control::scale)] = share * clip;
  out[static_cast<int>(Control::apply)] = apply ? 1 : 0;
  out[static_cast<int>(Control::norm)] = norm;
  out[static_cast<int>(Control::loss)] = loss;
  *applied->data<std::int64_t>() += apply ? 1 : 0;
}

void MovingAverage::cpu(Context& ctx) const {
  if (control.defined() && control_value(*control, Control::apply) == 0) return;
  double take = 1 - decay;
  if (warmup) take = std::max(take, 9 / (10 + static_cast<double>(*applied->data<std::int64_t>())));
  dispatch_float(value->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const values = value->data<T>();
    T* const averages = average->data<T>();
    const T share = static_cast<T>(take);
    cpu::for_each_element(ctx, value->count(), [=](std::int64_t i) {
      averages[i] += share * (values[i] - averages[i]);
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
