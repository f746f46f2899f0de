#include <array>
#include <compare>
#include <map>
#include <memory>
#include <tuple>

#include <cublasLt.h>

#include "kernels/cuda/runtime/blas_parts.h"
#include "kernels/cuda/runtime/memory.h"

namespace orchid::cuda {
namespace {

/// Scratch that a product may ask for; what more would bring is little.
constexpr std::size_t kWorkspace = std::size_t{32} << 20;

/// Everything that the choice of an algorithm depends on.
struct Problem {
  DType operands, result;
  std::int64_t m, n, k;
  bool transpose_a, transpose_b;
  std::int64_t a_width, b_width, c_width;
  std::int64_t batch, a_stride, b_stride, c_stride;
  bool accumulate, tf32;
  Epilogue epilogue;
  std::array<std::uint32_t, 4> alignment;  ///< of a, b, c and the bias or the sums, bytes

  auto operator<=>(const Problem&) const = default;
};

/// Who asks, for what: named in errors.
struct Request {
  const char* op;
  const MatrixProduct& product;

  void check(cublasStatus_t status, const char* doing) const {
    ORCHID_CHECK(status == CUBLAS_STATUS_SUCCESS, op, ": ", doing, ": ",
                 cublasLtGetStatusString(status), " (product ", describe(product), ")");
  }
};

struct Destroy {
  void operator()(cublasLtContext* handle) const { cublasLtDestroy(handle); }
  void operator()(cublasLtMatmulDescOpaque_t* desc) const { cublasLtMatmulDescDestroy(desc); }
  void operator()(cublasLtMatrixLayoutOpaque_t* layout) const {
    cublasLtMatrixLayoutDestroy(layout);
  }
  void operator()(cublasLtMatmulPreferenceOpaque_t* preference) const {
    cublasLtMatmulPreferenceDestroy(preference);
  }
};
using Handle = std::unique_ptr<cublasLtContext, Destroy>;
using Description = std::unique_ptr<cublasLtMatmulDescOpaque_t, Destroy>;
using Layout = std::unique_ptr<cublasLtMatrixLayoutOpaque_t, Destroy>;
using Preference = std::unique_ptr<cublasLtMatmulPreferenceOpaque_t, Destroy>;

/// How one problem is solved; `found` is false where cuBLASLt cannot.
struct Plan {
  bool found = false;
  Description description;
  Layout a, b, c;
  cublasLtMatmulAlgo_t algorithm{};
  std::size_t workspace = 0;
};

struct Blas {
  Handle handle;
  std::map<Problem, Plan> plans;
};

cudaDataType_t type_of(DType dtype) {
  return dtype == DType::f32 ? CUDA_R_32F : CUDA_R_16BF;
}

/// The largest power of two up to 256 that divides the address and, in a batch, every next one.
std::uint32_t alignment_of(const void* pointer, std::int64_t stride, DType dtype) {
  const auto bits = reinterpret_cast<std::uintptr_t>(pointer) |
                    static_cast<std::uintptr_t>(stride) * size_of(dtype) | 256u;
  return static_cast<std::uint32_t>(bits & (~bits + 1));
}

Problem problem_of(const Context& ctx, const MatrixProduct& p, Epilogue epilogue,
                   const void* vector) {
  return {p.operands,
          p.result,
          p.m,
          p.n,
          p.k,
          p.transpose_a,
          p.transpose_b,
          p.a_width,
          p.b_width,
          p.c_width,
          p.batch,
          p.a_stride,
          p.b_stride,
          p.c_stride,
          p.accumulate,
          p.operands == DType::f32 && (ctx.allow_tf32() || p.allow_tf32),
          epilogue,
          {alignment_of(p.a, p.a_stride, p.operands), alignment_of(p.b, p.b_stride, p.operands),
           alignment_of(p.c, p.c_stride, p.result),
           alignment_of(vector, p.batch > 1 ? p.n : 0, p.result)}};
}

template <class Value>
void set(const Request& request, const Description& description,
         cublasLtMatmulDescAttributes_t attribute, const Value& value) {
  request.check(cublasLtMatmulDescSetAttribute(description.get(), attribute, &value, sizeof value),
                "describing a product");
}

template <class Value>
void set(const Request& request, const Preference& preference,
         cublasLtMatmulPreferenceAttributes_t attribute, const Value& value) {
  request.check(
      cublasLtMatmulPreferenceSetAttribute(preference.get(), attribute, &value, sizeof value),
      "choosing an algorithm");
}

/// A row-major matrix of `columns` is, to cuBLASLt, a column-major one of as many rows.
Layout make_layout(const Request& request, DType dtype, std::int64_t rows, std::int64_t columns,
                   std::int64_t width, std::int64_t stride) {
  cublasLtMatrixLayout_t raw = nullptr;
  request.check(
      cublasLtMatrixLayoutCreate(&raw, type_of(dtype), static_cast<std::uint64_t>(columns),
                                 static_cast<std::uint64_t>(rows), width),
      "describing a matrix");
  Layout layout(raw);
  const auto count = static_cast<std::int32_t>(request.product.batch);
  const auto set_layout = [&](cublasLtMatrixLayoutAttribute_t attribute, const auto& value) {
    request.check(cublasLtMatrixLayoutSetAttribute(raw, attribute, &value, sizeof value),
                  "describing a batch");
  };
  if (count > 1) {
    set_layout(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, count);
    set_layout(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, stride);
  }
  return layout;
}

/// C^T = op(B)^T op(A)^T: b is cuBLASLt's first operand, a its second. Both keep their flag.
Description make_description(const Request& request, const Problem& problem) {
  const MatrixProduct& p = request.product;
  cublasLtMatmulDesc_t raw = nullptr;
  request.check(
      cublasLtMatmulDescCreate(
          &raw, problem.tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUDA_R_32F),
      "describing a product");
  Description description(raw);
  const auto flag = [](bool transpose) { return transpose ? CUBLAS_OP_T : CUBLAS_OP_N; };
  set(request, description, CUBLASLT_MATMUL_DESC_TRANSA, flag(p.transpose_b));
  set(request, description, CUBLASLT_MATMUL_DESC_TRANSB, flag(p.transpose_a));
  if (problem.epilogue == Epilogue::none) return description;
  // A bias is as long as C^T has rows: n. The sums over k of the second operand, a, are m.
  const cublasLtEpilogue_t kind =
      problem.epilogue == Epilogue::bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_BGRADB;
  set(request, description, CUBLASLT_MATMUL_DESC_EPILOGUE, kind);
  set(request, description, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE,
      static_cast<std::int32_t>(type_of(p.result)));
  if (p.batch > 1) set(request, description, CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE, p.n);
  return description;
}

/// Split sums may be added in float32 alone, whatever the type of the result.
Preference make_preference(const Request& request, const Problem& problem) {
  cublasLtMatmulPreference_t raw = nullptr;
  request.check(cublasLtMatmulPreferenceCreate(&raw), "choosing an algorithm");
  Preference preference(raw);
  const auto& [a, b, c, vector] = problem.alignment;
  set(request, preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kWorkspace);
  set(request, preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
      static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
  set(request, preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, b);
  set(request, preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, a);
  set(request, preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, c);
  set(request, preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, c);
  return preference;
}

Plan make_plan(const Request& request, const Handle& handle, const Problem& problem,
               const void* vector) {
  const MatrixProduct& p = request.product;
  Plan plan;
  plan.description = make_description(request, problem);
  if (vector)  // its alignment counts
    set(request, plan.description, CUBLASLT_MATMUL_DESC_BIAS_POINTER, vector);
  plan.a = make_layout(request, p.operands, p.transpose_a ? p.k : p.m, p.transpose_a ? p.m : p.k,
                       p.a_width, p.a_stride);
  plan.b = make_layout(request, p.operands, p.transpose_b ? p.n : p.k, p.transpose_b ? p.k : p.n,
                       p.b_width, p.b_stride);
  plan.c = make_layout(request, p.result, p.m, p.n, p.c_width, p.c_stride);
  const Preference preference = make_preference(request, problem);
  cublasLtMatmulHeuristicResult_t result{};
  int count = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
      handle.get(), plan.description.get(), plan.b.get(), plan.a.get(), plan.c.get(), plan.c.get(),
      preference.get(), 1, &result, &count);
  const bool unsupported =
      status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE;
  if (problem.epilogue == Epilogue::none || !unsupported)
    request.check(status, "choosing an algorithm");
  plan.found =
      status == CUBLAS_STATUS_SUCCESS && count > 0 && result.state == CUBLAS_STATUS_SUCCESS;
  plan.algorithm = result.algo;
  plan.workspace = result.workspaceSize;
  return plan;
}

const Plan& find_plan(const Context& ctx, Blas& blas, const Request& request, Epilogue epilogue,
                      const void* vector) {
  const Problem problem = problem_of(ctx, request.product, epilogue, vector);
  const auto found = blas.plans.find(problem);
  if (found != blas.plans.end()) return found->second;
  if (!blas.handle) {
    cublasLtHandle_t handle = nullptr;
    request.check(cublasLtCreate(&handle), "starting cuBLASLt");
    blas.handle.reset(handle);
  }
  return blas.plans.emplace(problem, make_plan(request, blas.handle, problem, vector))
      .first->second;
}

void execute(const Context& ctx, const Blas& blas, const Request& request, const Plan& plan,
             const void* vector) {
  const MatrixProduct& p = request.product;
  if (vector) set(request, plan.description, CUBLASLT_MATMUL_DESC_BIAS_POINTER, vector);
  Tensor workspace;
  if (plan.workspace > 0)
    workspace = ctx.empty({static_cast<std::int64_t>(plan.workspace)}, DType::u8);
  const float one = 1, beta = p.accumulate ? 1 : 0;
  request.check(cublasLtMatmul(blas.handle.get(), plan.description.get(), &one, p.b, plan.b.get(),
                               p.a, plan.a.get(), &beta, p.c, plan.c.get(), p.c, plan.c.get(),
                               &plan.algorithm, workspace.raw(), plan.workspace,
                               static_cast<const CudaMemory&>(*ctx.memory()).stream()),
                "multiplying");
}

}  // namespace

bool multiply_by_library(Context& ctx, const char* op, const MatrixProduct& p, Epilogue epilogue,
                         const void* vector) {
  const Request request{op, p};
  auto& blas = ctx.state<Blas>();
  const Plan& plan = find_plan(ctx, blas, request, epilogue, vector);
  if (plan.found) execute(ctx, blas, request, plan, vector);
  return plan.found;
}

}  // namespace orchid::cuda
