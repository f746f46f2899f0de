#include "kernels/ops/arithmetic.h"

#include <cstring>

#include "kernels/cpu/pointwise.h"

namespace orchid::ops {
namespace {

/// dispatch_float, and bf16.
template <class Body>
void dispatch_cast(DType dtype, const Body& body) {
  if (dtype == DType::bf16) return body(Bfloat16{});
  dispatch_float(dtype, body);
}

}  // namespace

void Fill::cpu(Context& ctx) const {
  dispatch_float(y->dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* const out = y->data<T>();
    const T fill = static_cast<T>(value);
    cpu::for_each_element(ctx, y->count(), [=](std::int64_t i) { out[i] = fill; });
  });
}

void Add::cpu(Context& ctx) const {
  dispatch_float(a->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *const left = a->data<T>(), *const right = b->data<T>();
    T* const out = y->data<T>();
    cpu::for_each_element(ctx, a->count(), [=](std::int64_t i) { out[i] = left[i] + right[i]; });
  });
}

void AddScaled::cpu(Context& ctx) const {
  dispatch_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const in = x->data<T>();
    T* const out = y->data<T>();
    const T factor = static_cast<T>(scale);
    cpu::for_each_element(ctx, x->count(), [=](std::int64_t i) { out[i] += factor * in[i]; });
  });
}

void CopyColumns::cpu(Context& ctx) const {
  dispatch_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t from = x->shape().last(), width = y->shape().last();
    const T* const in = x->data<T>() + column;
    T* const out = y->data<T>();
    cpu::for_each_row(ctx, y->shape().rows(), width, [=](std::int64_t row) {
      std::memcpy(out + row * width, in + row * from, static_cast<std::size_t>(width) * sizeof(T));
    });
  });
}

void AddColumns::cpu(Context& ctx) const {
  dispatch_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t to = y->shape().last(), width = x->shape().last();
    const T* const in = x->data<T>();
    T* const out = y->data<T>() + column;
    cpu::for_each_row(ctx, x->shape().rows(), width, [=](std::int64_t row) {
      const T* const from = in + row * width;
      T* const sum = out + row * to;
#pragma omp simd
      for (std::int64_t c = 0; c < width; ++c) sum[c] += from[c];
    });
  });
}

void MaskRows::cpu(Context& ctx) const {
  dispatch_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t width = x->shape().last();
    const T* const in = x->data<T>();
    const std::uint8_t* const keep = mask->data<std::uint8_t>();
    T* const out = y->data<T>();
    cpu::for_each_row(ctx, x->shape().rows(), width, [=](std::int64_t row) {
      const T* const from = in + row * width;
      T* const to = out + row * width;
      const T factor = static_cast<T>(keep[row]);
#pragma omp simd
      for (std::int64_t c = 0; c < width; ++c) to[c] = factor * from[c];
    });
  });
}

void Cast::cpu(Context& ctx) const {
  dispatch_cast(x->dtype(), [&](auto from) {
    dispatch_cast(y->dtype(), [&](auto to) {
      const auto* const in = x->data<decltype(from)>();
      auto* const out = y->data<decltype(to)>();
      cpu::for_each_element(ctx, x->count(),
                            [=](std::int64_t i) { out[i] = static_cast<decltype(to)>(in[i]); });
    });
  });
}

void AddScore::cpu(Context&) const {
  double total = 0, hits = 0;
  for (std::int64_t row = 0; row < loss->count(); ++row) total += loss->data<double>()[row];
  sums->data<double>()[0] += total;
  if (!correct.defined()) return;
  for (std::int64_t row = 0; row < loss->count(); ++row) hits += correct->data<std::int32_t>()[row];
  sums->data<double>()[1] += hits;
}

}  // namespace orchid::ops
