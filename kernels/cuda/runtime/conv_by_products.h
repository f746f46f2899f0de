#pragma once

#include "kernels/ops/fft_conv.h"

namespace orchid::ops {

/// The ops of cosine kinds where transforms_by_product: kernels/cuda/conv_by_products.cu and
/// conv_by_products_grad.cu. Signals and spectra in between are of the type of activations.
void convolve_by_products(Context&, const FftConv&);
void convolve_grad_by_products(Context&, const FftConvGrad&);

/// The same where fuses_convolutions and takes_tiles, that is where all operands allow accesses of
/// 16 bytes and fit into shared memory: conv_in_tiles.cu and conv_in_tiles_grad.cu. Nothing in
/// between leaves a block.
bool takes_tiles(Context&, const FftConv&);
bool takes_tiles(Context&, const FftConvGrad&);
void convolve_in_tiles(Context&, const FftConv&);
void convolve_grad_in_tiles(Context&, const FftConvGrad&);

}  // namespace orchid::ops
