#include "kernels/ops/activation.h"

#include "kernels/cpu/activation_functions.h"
#include "kernels/cpu/pointwise.h"

namespace orchid::ops {

void Activation::cpu(Context& ctx) const {
  dispatch_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const in = x->data<T>();
    T* const out = y->data<T>();
    cpu::with_function<T>(kind, parameter, [&](auto f) {
      cpu::for_each_element(ctx, x->count(), [=](std::int64_t i) { out[i] = f.value(in[i]); });
    });
  });
}

void ActivationGrad::cpu(Context& ctx) const {
  dispatch_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *const upper = dy->data<T>(), *const in = x->data<T>();
    T* const lower = dx->data<T>();
    cpu::with_function<T>(kind, parameter, [&](auto f) {
      cpu::for_each_element(ctx, x->count(),
                            [=](std::int64_t i) { lower[i] = f.slope(in[i]) * upper[i]; });
    });
  });
}

void GatedGelu::cpu(Context& ctx) const {
  dispatch_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t width = y->shape().last();
    const T* const in = x->data<T>();
    T* const out = y->data<T>();
    cpu::for_each_row(ctx, y->shape().rows(), width, [=](std::int64_t row) {
      const T *const inner = in + 2 * row * width, *const gate = inner + width;
      T* const to = out + row * width;
#pragma omp simd
      for (std::int64_t c = 0; c < width; ++c) to[c] = cpu::Gelu<T>{}.value(inner[c]) * gate[c];
    });
  });
}

void GatedGeluGrad::cpu(Context& ctx) const {
  dispatch_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t width = dy->shape().last();
    const T *const upper = dy->data<T>(), *const in = x->data<T>();
    T* const lower = dx->data<T>();
    cpu::for_each_row(ctx, dy->shape().rows(), width, [=](std::int64_t row) {
      const T *const inner = in + 2 * row * width, *const gate = inner + width;
      const T* const d = upper + row * width;
      T *const d_inner = lower + 2 * row * width, *const d_gate = d_inner + width;
#pragma omp simd
      for (std::int64_t c = 0; c < width; ++c) {
        const cpu::Gelu<T> gelu;
        const T value = gelu.value(inner[c]), slope = gelu.slope(inner[c]);
        d_inner[c] = slope * gate[c] * d[c];
        d_gate[c] = value * d[c];
      }
    });
  });
}

}  // namespace orchid::ops
