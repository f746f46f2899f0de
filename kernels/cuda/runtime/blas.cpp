#include "kernels/cuda/runtime/blas.h"

#include "kernels/core/error.h"
#include "kernels/cuda/runtime/blas_parts.h"

namespace orchid::cuda {
namespace {

/// With the epilogue that the product asks for, if the library has it.
bool multiply_at_once(Context& ctx, const char* op, const MatrixProduct& p) {
  if (p.a_sums) return multiply_by_library(ctx, op, p, Epilogue::sums, p.a_sums);
  if (!p.bias) return multiply_by_library(ctx, op, p, Epilogue::none, nullptr);
  if (p.result == DType::f32) return multiply_by_library(ctx, op, p, Epilogue::bias, p.bias);
  Tensor rounded = ctx.empty({p.batch * p.n}, p.result);
  round_bias(ctx, op, p, rounded.raw());
  return multiply_by_library(ctx, op, p, Epilogue::bias, rounded.raw());
}

}  // namespace

std::string describe(const MatrixProduct& p) {
  return str(p.m, " x ", p.n, " x ", p.k, p.transpose_a ? ", a^T" : "",
             p.transpose_b ? ", b^T" : "", ", ", name_of(p.operands), " to ", name_of(p.result),
             ", row strides ", p.a_width, " ", p.b_width, " ", p.c_width, ", batch ", p.batch);
}

void multiply(Context& ctx, const char* op, const MatrixProduct& p) {
  ORCHID_CHECK(!p.a_sums || (p.transpose_a && p.batch == 1), op,
               ": sums of a are for single products with transpose_a");
  ORCHID_CHECK(!p.bias || !p.accumulate, op, ": a bias is for products that overwrite");
  if (p.m == 0 || p.batch == 0) return;
  if (p.n == 0 || p.k == 0) {  // no library takes these
    if (p.n > 0 && !p.accumulate) start_with_bias(ctx, op, p);
    if (p.a_sums) store_a_sums(ctx, op, p);
    return;
  }
  if (multiply_at_once(ctx, op, p)) return;
  MatrixProduct alone = p;
  if (p.bias) {  // first, so that a bf16 result is rounded from the whole sum
    start_with_bias(ctx, op, p);
    alone.accumulate = true;
  }
  ORCHID_CHECK(multiply_by_library(ctx, op, alone, Epilogue::none, nullptr), op,
               ": the library has no algorithm for the product ", describe(p));
  if (p.a_sums) store_a_sums(ctx, op, p);
}

}  // namespace orchid::cuda
