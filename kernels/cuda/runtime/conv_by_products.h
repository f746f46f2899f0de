#pragma once

#include "kernels/ops/fft_conv.h"

namespace orchid::ops {

/// The ops of cosine kinds where transforms_by_product: kernels/cuda/conv_by_products.cu and
/// conv_by_products_grad.cu. Signals and spectra in between are of the type of activations.
void convolve_by_products(Context&, const FftConv&);
void convolve_grad_by_products(Context&, const FftConvGrad&);

}  // namespace orchid::ops
