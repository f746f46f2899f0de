#include "kernels/cuda/runtime/fft.h"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>

#include <cufft.h>

#include "kernels/core/error.h"
#include "kernels/cuda/runtime/check.h"
#include "kernels/cuda/runtime/memory.h"

namespace orchid::cuda {
namespace {

const char* text_of(cufftResult result) {
  switch (result) {
    case CUFFT_SUCCESS:
      return "no error";
    case CUFFT_ALLOC_FAILED:
      return "out of device memory";
    case CUFFT_INVALID_SIZE:
      return "the length is not supported";
    case CUFFT_EXEC_FAILED:
      return "the transform failed";
    case CUFFT_SETUP_FAILED:
      return "the library failed to start";
    default:
      return "unexpected error";
  }
}

void check_fft(cufftResult result, const char* op, const char* doing, std::int64_t length) {
  ORCHID_CHECK(result == CUFFT_SUCCESS, op, ": ", doing, " of length ", length,
               " with cuFFT: ", text_of(result), " (", static_cast<int>(result), ")");
}

/// Transforms of `rows` rows at once. A plan holds tables alone: the memory it works in is given to
/// each execution.
class Plan {
 public:
  Plan(const char* op, cufftType type, int length, int rows, cudaStream_t stream) {
    constexpr const char* kDoing = "planning a transform";
    check_fft(cufftCreate(&handle_), op, kDoing, length);
    const cufftResult made = make(type, length, rows, stream);
    if (made != CUFFT_SUCCESS) static_cast<void>(cufftDestroy(handle_));
    check_fft(made, op, kDoing, length);
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  ~Plan() { static_cast<void>(cufftDestroy(handle_)); }

  cufftHandle handle() const { return handle_; }
  std::size_t work_bytes() const { return work_bytes_; }

 private:
  cufftResult make(cufftType type, int length, int rows, cudaStream_t stream) {
    if (const cufftResult result = cufftSetAutoAllocation(handle_, 0)) return result;
    if (const cufftResult result = cufftMakePlanMany(handle_, 1, &length, nullptr, 1, 0, nullptr, 1,
                                                     0, type, rows, &work_bytes_))
      return result;
    return cufftSetStream(handle_, stream);
  }

  cufftHandle handle_ = CUFFT_PLAN_NULL;
  std::size_t work_bytes_ = 0;
};

using PlanKey = std::tuple<cufftType, int, int>;  // type, length, rows
struct FftPlans {
  std::map<PlanKey, Plan> plans;
};

/// Rows for one plan: cuFFT counts elements in int. A multiple of 4 keeps the parts aligned to 16
/// bytes.
std::int64_t rows_at_once(const char* op, std::int64_t length) {
  constexpr std::int64_t kMostElements = std::numeric_limits<int>::max();
  const std::int64_t rows = kMostElements / (length + 2);
  ORCHID_CHECK(rows >= 1, op, ": length: expected at most ", kMostElements - 2, ", got ", length);
  return rows < 4 ? rows : rows / 4 * 4;
}

/// Calls execute(handle, first row) for parts of all rows, a work area set.
template <class Execute>
void for_each_part(Context& ctx, const char* op, cufftType type, std::int64_t length,
                   std::int64_t batch, const Execute& execute) {
  constexpr const char* kDoing = "running a transform";
  const auto& memory = static_cast<const CudaMemory&>(*ctx.memory());
  auto& plans = ctx.state<FftPlans>().plans;
  const std::int64_t most = rows_at_once(op, length);
  for (std::int64_t first = 0; first < batch; first += most) {
    const int n = static_cast<int>(length), rows = static_cast<int>(std::min(most, batch - first));
    const Plan& plan =
        plans.try_emplace(PlanKey{type, n, rows}, op, type, n, rows, memory.stream()).first->second;
    Tensor work;  // given back at once: its next user comes later in the stream
    if (plan.work_bytes() > 0)
      work = ctx.empty({static_cast<std::int64_t>(plan.work_bytes())}, DType::u8);
    check_fft(cufftSetWorkArea(plan.handle(), work.defined() ? work.raw() : nullptr), op, kDoing,
              length);
    check_fft(execute(plan.handle(), first), op, kDoing, length);
  }
}

constexpr std::size_t kReal = sizeof(float), kComplex = sizeof(float2);

}  // namespace

void fft_forward(Context& ctx, const char* op, const float* x, float2* spectrum,
                 std::int64_t length, std::int64_t batch) {
  if (length == 1) {
    cudaStream_t stream = static_cast<const CudaMemory&>(*ctx.memory()).stream();
    const auto rows = static_cast<std::size_t>(batch);
    check(cudaMemsetAsync(spectrum, 0, rows * kComplex, stream), op, "clearing a spectrum");
    return check(cudaMemcpy2DAsync(spectrum, kComplex, x, kReal, kReal, rows,
                                   cudaMemcpyDeviceToDevice, stream),
                 op, "copying a spectrum");
  }
  const std::int64_t bins = length / 2 + 1;
  for_each_part(ctx, op, CUFFT_R2C, length, batch, [&](cufftHandle plan, std::int64_t first) {
    return cufftExecR2C(plan, const_cast<float*>(x) + first * length, spectrum + first * bins);
  });
}

void fft_inverse(Context& ctx, const char* op, float2* spectrum, float* x, std::int64_t length,
                 std::int64_t batch) {
  if (length == 1) {
    cudaStream_t stream = static_cast<const CudaMemory&>(*ctx.memory()).stream();
    return check(
        cudaMemcpy2DAsync(x, kReal, spectrum, kComplex, kReal, static_cast<std::size_t>(batch),
                          cudaMemcpyDeviceToDevice, stream),
        op, "copying a signal");
  }
  const std::int64_t bins = length / 2 + 1;
  for_each_part(ctx, op, CUFFT_C2R, length, batch, [&](cufftHandle plan, std::int64_t first) {
    return cufftExecC2R(plan, spectrum + first * bins, x + first * length);
  });
}

}  // namespace orchid::cuda
