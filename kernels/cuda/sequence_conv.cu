#include "kernels/cuda/device/sequence_conv.cuh"
#include "kernels/cuda/device/sequence_conv_general.cuh"
#include "kernels/ops/sequence_conv.h"

namespace orchid::ops {

using namespace orchid::cuda;

void SequenceConv::cuda(Context& ctx) const {
  if (y->count() == 0) return;
  const ConvShape shape = conv_shape(*this);
  dispatch_cuda_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const in = elements<T>(*x) + x_column;
    const float* const shift = bias.defined() ? elements<float>(*bias) : nullptr;
    const auto convolve =
        has_window_kernel(shape) ? run_window_conv<T, false> : run_general_conv<T, false>;
    convolve(ctx, name, in, elements<float>(*weight), shift, elements<T>(*y), shape);
  });
}

}  // namespace orchid::ops
