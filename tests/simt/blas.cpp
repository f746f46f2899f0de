// Stands in for cuBLASLt: the products of kernels/cuda/runtime/blas_parts.h by plain loops.

#include <algorithm>
#include <vector>

#include "kernels/core/bfloat16.h"
#include "kernels/core/error.h"
#include "kernels/cuda/runtime/blas_parts.h"
#include "kernels/cuda/runtime/check.h"
#include "kernels/cuda/runtime/memory.h"
#include "tests/simt/checker.h"
#include "tests/simt/launch.h"

namespace orchid::cuda {
namespace {

float element(const void* data, DType dtype, std::int64_t at) {
  return dtype == DType::f32 ? static_cast<const float*>(data)[at]
                             : float{static_cast<const Bfloat16*>(data)[at]};
}

/// A batch's matrix number i, in float: `rows` stored rows of `columns` elements.
std::vector<float> read(const void* data, DType dtype, std::int64_t first, std::int64_t rows,
                        std::int64_t columns, std::int64_t width) {
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(rows * columns));
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c) {
      const std::int64_t at = first + r * width + c;
      values.push_back(element(data, dtype, at));
    }
  return values;
}

std::vector<float> transposed(const std::vector<float>& in, std::int64_t rows,
                              std::int64_t columns) {
  std::vector<float> out;
  out.reserve(in.size());
  for (std::int64_t c = 0; c < columns; ++c)
    for (std::int64_t r = 0; r < rows; ++r)
      out.push_back(in[static_cast<std::size_t>(r * columns + c)]);
  return out;
}

void tell_checker(const void* written, std::int64_t count, DType dtype) {
  if (simt::checker)
    simt::checker->write_whole(written, static_cast<std::size_t>(count) * size_of(dtype));
}

/// Writes row `i` of product number `index`.
void write_row(const MatrixProduct& p, const void* bias, std::int64_t index, std::int64_t i,
               const std::vector<double>& sums) {
  const std::int64_t first = index * p.c_stride + i * p.c_width;
  for (std::int64_t j = 0; j < p.n; ++j) {
    float value = static_cast<float>(sums[static_cast<std::size_t>(j)]);
    if (bias) value += element(bias, p.result, index * p.n + j);
    if (p.result == DType::f32) {
      float& to = static_cast<float*>(p.c)[first + j];
      to = p.accumulate ? to + value : value;
    } else {
      Bfloat16& to = static_cast<Bfloat16*>(p.c)[first + j];
      to = Bfloat16(p.accumulate ? to + value : value);
    }
  }
  tell_checker(static_cast<const char*>(p.c) + first * static_cast<std::int64_t>(size_of(p.result)),
               p.n, p.result);
}

void compute(const MatrixProduct& p, Epilogue epilogue, const void* vector, std::int64_t index) {
  std::vector<float> a = read(p.a, p.operands, index * p.a_stride, p.transpose_a ? p.k : p.m,
                              p.transpose_a ? p.m : p.k, p.a_width);
  std::vector<float> b = read(p.b, p.operands, index * p.b_stride, p.transpose_b ? p.n : p.k,
                              p.transpose_b ? p.k : p.n, p.b_width);
  if (p.transpose_a) a = transposed(a, p.k, p.m);
  if (p.transpose_b) b = transposed(b, p.n, p.k);
  std::vector<double> sums(static_cast<std::size_t>(p.n));
  for (std::int64_t i = 0; i < p.m; ++i) {
    std::fill(sums.begin(), sums.end(), 0.0);
    double of_a = 0;
    for (std::int64_t l = 0; l < p.k; ++l) {
      const double factor = a[static_cast<std::size_t>(i * p.k + l)];
      of_a += factor;
      const float* const row = b.data() + l * p.n;
      for (std::size_t j = 0; j < sums.size(); ++j) sums[j] += factor * static_cast<double>(row[j]);
    }
    write_row(p, epilogue == Epilogue::bias ? vector : nullptr, index, i, sums);
    if (epilogue == Epilogue::sums) p.a_sums[i] = static_cast<float>(of_a);
  }
  if (epilogue == Epilogue::sums) tell_checker(p.a_sums, p.m, DType::f32);
}

}  // namespace

bool multiply_by_library(Context& ctx, const char* op, const MatrixProduct& p, Epilogue epilogue,
                         const void* vector) {
  // Like cuBLASLt, not every epilogue for every product: tests meet both ways.
  if (epilogue != Epilogue::none && p.n % 4 != 0) return false;
  const cudaStream_t stream = static_cast<const CudaMemory&>(*ctx.memory()).stream();
  check(simt::enqueue_host(stream,
                           [p, epilogue, vector] {
                             for (std::int64_t i = 0; i < p.batch; ++i)
                               compute(p, epilogue, vector, i);
                           }),
        op, "queueing a product");
  return true;
}

}  // namespace orchid::cuda
