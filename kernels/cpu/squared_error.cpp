#include "kernels/ops/squared_error.h"

#include "kernels/cpu/pointwise.h"

namespace orchid::ops {

void SquaredError::cpu(Context& ctx) const {
  dispatch_float(x->dtype(), [&](auto zero) {
    dispatch_float(targets->dtype(), [&](auto of_targets) {
      using T = decltype(zero);
      const T* const in = x->data<T>();
      const auto* const target = targets->data<decltype(of_targets)>();
      double* const losses = loss->data<double>();
      T* const gradient = dx.defined() ? dx->data<T>() : nullptr;
      cpu::for_each_element(ctx, x->count(), [=](std::int64_t i) {
        const double difference = static_cast<double>(in[i]) - static_cast<double>(target[i]);
        losses[i] = difference * difference;
        if (gradient) gradient[i] = static_cast<T>(2 * difference);
      });
    });
  });
}

}  // namespace orchid::ops
