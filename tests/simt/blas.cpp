// Stands in for cuBLASLt, as far as kernels/cuda/runtime/blas_cublaslt.cpp uses it: column-major
// products by plain loops, and errors for what the manual does not allow.

#include <algorithm>
#include <bit>
#include <cstring>
#include <tuple>
#include <vector>

#include <cublasLt.h>

#include "kernels/core/bfloat16.h"
#include "tests/simt/checker.h"
#include "tests/simt/launch.h"

namespace {

using orchid::Bfloat16;

struct Matrix {
  cudaDataType_t type;
  std::int64_t rows, columns, width;
  std::int32_t batch = 1;
  std::int64_t stride = 0;

  std::int64_t at(std::int64_t product, std::int64_t row, std::int64_t column) const {
    return product * stride + column * width + row;
  }
};

struct Operation {
  cublasComputeType_t compute;
  cudaDataType_t scale;
  cublasOperation_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  void* vector = nullptr;
  std::int32_t vector_type = -1;
  std::int64_t vector_stride = 0;
};

struct Preference {
  std::size_t workspace = 0;
  std::uint32_t schemes = CUBLASLT_REDUCTION_SCHEME_MASK;
  std::uint32_t a = 256, b = 256, c = 256, d = 256;  ///< alignment promised
};

/// What an algorithm remembers of the problem that it was chosen for.
struct Algorithm {
  std::uint32_t a, b, c, vector;
  std::uint64_t workspace;
};

template <class Value, class Handle>
Value& value_of(Handle handle) {
  return *reinterpret_cast<Value*>(handle);
}

/// Sets `to`, if the caller's value has its size.
template <class Value>
cublasStatus_t assign(Value& to, const void* from, std::size_t bytes) {
  if (!from || bytes != sizeof to) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&to, from, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

std::size_t size_of(cudaDataType_t type) {
  return type == CUDA_R_32F ? 4 : 2;
}

float read(const void* data, cudaDataType_t type, std::int64_t at) {
  return type == CUDA_R_32F ? static_cast<const float*>(data)[at]
                            : float{static_cast<const Bfloat16*>(data)[at]};
}

void write(void* data, cudaDataType_t type, std::int64_t at, float value) {
  if (type == CUDA_R_32F) {
    static_cast<float*>(data)[at] = value;
  } else {
    static_cast<Bfloat16*>(data)[at] = Bfloat16(value);
  }
  if (orchid::simt::checker)
    orchid::simt::checker->write_whole(
        static_cast<char*>(data) + at * static_cast<std::int64_t>(size_of(type)), size_of(type));
}

/// To the nearest with 10 bits behind the point, as products in tf32 take their operands.
float rounded_to_tf32(float value) {
  const auto word = std::bit_cast<std::uint32_t>(value);
  return std::bit_cast<float>((word + 0x1000u) & 0xffffe000u);
}

struct Product {
  Operation operation;
  Matrix a, b, c;
  const void *a_data, *b_data;
  void* c_data;
  float alpha, beta;

  std::int64_t depth() const { return operation.transpose_a == CUBLAS_OP_N ? a.columns : a.rows; }

  float operand(const void* data, cudaDataType_t type, std::int64_t at) const {
    const float value = read(data, type, at);
    return operation.compute == CUBLAS_COMPUTE_32F_FAST_TF32 ? rounded_to_tf32(value) : value;
  }
  /// Element (row, k) of op(A), element (k, column) of op(B).
  float a_at(std::int64_t product, std::int64_t row, std::int64_t k) const {
    const bool plain = operation.transpose_a == CUBLAS_OP_N;
    return operand(a_data, a.type, plain ? a.at(product, row, k) : a.at(product, k, row));
  }
  float b_at(std::int64_t product, std::int64_t k, std::int64_t column) const {
    const bool plain = operation.transpose_b == CUBLAS_OP_N;
    return operand(b_data, b.type, plain ? b.at(product, k, column) : b.at(product, column, k));
  }

  /// One column of D at a time.
  void run() const {
    std::vector<float> op_a(static_cast<std::size_t>(c.rows * depth()));
    std::vector<double> sums(static_cast<std::size_t>(c.rows));
    for (std::int64_t product = 0; product < c.batch; ++product) {
      for (std::int64_t k = 0; k < depth(); ++k)
        for (std::int64_t i = 0; i < c.rows; ++i)
          op_a[static_cast<std::size_t>(k * c.rows + i)] = a_at(product, i, k);
      for (std::int64_t j = 0; j < c.columns; ++j) {
        std::fill(sums.begin(), sums.end(), 0.0);
        double of_b = 0;
        for (std::int64_t k = 0; k < depth(); ++k) {
          const double factor = b_at(product, k, j);
          of_b += factor;
          const float* const column = op_a.data() + k * c.rows;
          for (std::size_t i = 0; i < sums.size(); ++i)
            sums[i] += factor * static_cast<double>(column[i]);
        }
        finish_column(product, j, sums);
        if (operation.epilogue == CUBLASLT_EPILOGUE_BGRADB)
          write(operation.vector, c.type, j, static_cast<float>(of_b));
      }
    }
  }

  void finish_column(std::int64_t product, std::int64_t j, const std::vector<double>& sums) const {
    for (std::int64_t i = 0; i < c.rows; ++i) {
      const std::int64_t at = c.at(product, i, j);
      float value = alpha * static_cast<float>(sums[static_cast<std::size_t>(i)]);
      if (beta != 0) value += beta * read(c_data, c.type, at);
      if (operation.epilogue == CUBLASLT_EPILOGUE_BIAS)
        value += read(operation.vector, c.type, product * operation.vector_stride + i);
      write(c_data, c.type, at, value);
    }
  }
};

bool fit(const Operation& operation, const Matrix& a, const Matrix& b, const Matrix& c) {
  const bool plain_a = operation.transpose_a == CUBLAS_OP_N;
  const bool plain_b = operation.transpose_b == CUBLAS_OP_N;
  for (const Matrix* matrix : {&a, &b, &c})
    if (matrix->rows < 1 || matrix->columns < 1 || matrix->width < matrix->rows ||
        matrix->batch != c.batch)
      return false;
  return a.type == b.type && (c.type == a.type || c.type == CUDA_R_32F) &&
         (plain_a ? a.rows : a.columns) == c.rows && (plain_b ? b.columns : b.rows) == c.columns &&
         (plain_a ? a.columns : a.rows) == (plain_b ? b.rows : b.columns);
}

bool compute_type_fits(const Operation& operation, cudaDataType_t type) {
  return operation.scale == CUDA_R_32F &&
         (operation.compute == CUBLAS_COMPUTE_32F ||
          (operation.compute == CUBLAS_COMPUTE_32F_FAST_TF32 && type == CUDA_R_32F));
}

/// The largest power of two up to 256 that divides an address.
std::uint32_t alignment_of(const void* pointer) {
  const std::uintptr_t bits = reinterpret_cast<std::uintptr_t>(pointer) | 256;
  return static_cast<std::uint32_t>(bits & (~bits + 1));
}

}  // namespace

extern "C" {

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = reinterpret_cast<cublasLtHandle_t>(new int);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  delete reinterpret_cast<int*>(handle);
  return CUBLAS_STATUS_SUCCESS;
}
const char* cublasLtGetStatusString(cublasStatus_t status) {
  return status == CUBLAS_STATUS_INVALID_VALUE ? "an unsupported value or parameter was passed"
                                               : "another status";
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type,
                                          std::uint64_t rows, std::uint64_t columns,
                                          std::int64_t width) {
  *layout = reinterpret_cast<cublasLtMatrixLayout_t>(
      new Matrix{type, static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns), width});
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete &value_of<Matrix>(layout);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout,
                                                cublasLtMatrixLayoutAttribute_t attribute,
                                                const void* value, std::size_t bytes) {
  auto& matrix = value_of<Matrix>(layout);
  if (attribute == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT) return assign(matrix.batch, value, bytes);
  if (attribute == CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET)
    return assign(matrix.stride, value, bytes);
  return CUBLAS_STATUS_NOT_SUPPORTED;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* description,
                                        cublasComputeType_t compute, cudaDataType_t scale) {
  *description = reinterpret_cast<cublasLtMatmulDesc_t>(new Operation{compute, scale});
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t description) {
  delete &value_of<Operation>(description);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t description,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, std::size_t bytes) {
  auto& operation = value_of<Operation>(description);
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return assign(operation.transpose_a, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return assign(operation.transpose_b, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return assign(operation.epilogue, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return assign(operation.vector, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
      return assign(operation.vector_type, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE:
      return assign(operation.vector_stride, value, bytes);
    default:
      return CUBLAS_STATUS_NOT_SUPPORTED;
  }
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  *preference = reinterpret_cast<cublasLtMatmulPreference_t>(new Preference);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  delete &value_of<Preference>(preference);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, std::size_t bytes) {
  auto& limits = value_of<Preference>(preference);
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
      return assign(limits.workspace, value, bytes);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
      return assign(limits.schemes, value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
      return assign(limits.a, value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
      return assign(limits.b, value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
      return assign(limits.c, value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
      return assign(limits.d, value, bytes);
    default:
      return CUBLAS_STATUS_NOT_SUPPORTED;
  }
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t description,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t,
                                              cublasLtMatmulPreference_t preference, int,
                                              cublasLtMatmulHeuristicResult_t results[],
                                              int* count) {
  const auto& operation = value_of<Operation>(description);
  const auto& [first, second, result] =
      std::tie(value_of<Matrix>(a), value_of<Matrix>(b), value_of<Matrix>(c));
  const auto& limits = value_of<Preference>(preference);
  *count = 0;
  if (!fit(operation, first, second, result) || !compute_type_fits(operation, first.type))
    return CUBLAS_STATUS_INVALID_VALUE;
  if (operation.epilogue != CUBLASLT_EPILOGUE_DEFAULT) {
    if (!operation.vector || operation.vector_type != result.type)
      return CUBLAS_STATUS_INVALID_VALUE;
    // Not every epilogue for every product: tests meet both ways.
    if (result.rows % 4 != 0) return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  const Algorithm algorithm{limits.a, limits.b, std::min(limits.c, limits.d),
                            alignment_of(operation.vector),
                            result.columns > 8 ? std::min<std::size_t>(limits.workspace, 4096) : 0};
  static_assert(sizeof algorithm <= sizeof results[0].algo);
  std::memcpy(&results[0].algo, &algorithm, sizeof algorithm);
  results[0].workspaceSize = algorithm.workspace;
  results[0].state = CUBLAS_STATUS_SUCCESS;
  *count = 1;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t description, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t a_layout, const void* b,
                              cublasLtMatrixLayout_t b_layout, const void* beta, const void* c,
                              cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t* chosen,
                              void* workspace, std::size_t workspace_bytes, cudaStream_t stream) {
  const Product product{value_of<Operation>(description),
                        value_of<Matrix>(a_layout),
                        value_of<Matrix>(b_layout),
                        value_of<Matrix>(c_layout),
                        a,
                        b,
                        d,
                        *static_cast<const float*>(alpha),
                        *static_cast<const float*>(beta)};
  Algorithm algorithm;
  std::memcpy(&algorithm, chosen, sizeof algorithm);
  const bool aligned = alignment_of(a) >= algorithm.a && alignment_of(b) >= algorithm.b &&
                       alignment_of(d) >= algorithm.c &&
                       alignment_of(product.operation.vector) >= algorithm.vector;
  const bool enough = workspace_bytes >= algorithm.workspace &&
                      (algorithm.workspace == 0 || workspace) && alignment_of(workspace) == 256;
  if (c != d || c_layout != d_layout || !aligned || !enough ||
      !fit(product.operation, product.a, product.b, product.c))
    return CUBLAS_STATUS_INVALID_VALUE;
  const cudaError_t error = orchid::simt::enqueue_host(stream, [product] { product.run(); });
  return error == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

}  // extern "C"
