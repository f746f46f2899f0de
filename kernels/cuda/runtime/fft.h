#pragma once

#include <cstdint>

#include <cuda_runtime_api.h>

#include "kernels/core/context.h"

namespace orchid::cuda {

/// Real transforms of length N of `batch` contiguous rows, float32, without any factor:
///   forward  spectrum_f = sum_n x_n exp(-2 pi i f n / N), f = 0 .. N/2
///   inverse  x_n = sum over all N bins of the Hermitian spectrum; Im of bins 0 and N/2 must be 0
/// x (batch, N), spectrum (batch, N/2 + 1). Plans are kept with the context.
void fft_forward(Context&, const char* op, const float* x, float2* spectrum, std::int64_t length,
                 std::int64_t batch);
/// Destroys the spectrum.
void fft_inverse(Context&, const char* op, float2* spectrum, float* x, std::int64_t length,
                 std::int64_t batch);

}  // namespace orchid::cuda
