#pragma once

#include "kernels/cuda/runtime/blas.h"

namespace orchid::cuda {

/// What a library may do beside a product, in the same pass.
enum class Epilogue { none, bias, sums };

/// Queues c = op(a) op(b), no extent 0, with the epilogue's part alone: `vector` is then the bias,
/// of the type of the result, or where the sums go. False: the library has no algorithm for it, and
/// nothing is queued. blas_cublaslt.cpp; tests/simt/blas.cpp on the CPU.
bool multiply_by_library(Context&, const char* op, const MatrixProduct&, Epilogue,
                         const void* vector);

// Kernels of ours for the rest: kernels/cuda/blas_parts.cu.

/// Each row of c = bias, or zeros without one. All of the batch.
void start_with_bias(Context&, const char* op, const MatrixProduct&);

/// a_sums, by itself.
void store_a_sums(Context&, const char* op, const MatrixProduct&);

/// `rounded`, bf16, = the bias vectors of the whole batch.
void round_bias(Context&, const char* op, const MatrixProduct&, void* rounded);

/// "3 x 4 x 5, a^T, f32 to f32": for errors.
std::string describe(const MatrixProduct&);

}  // namespace orchid::cuda
