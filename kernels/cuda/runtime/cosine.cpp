#include "kernels/cuda/runtime/cosine.h"

#include <cmath>
#include <map>
#include <numbers>
#include <tuple>
#include <vector>

#include "kernels/core/bfloat16.h"

namespace orchid::cuda {
namespace {

/// Of a context: (N, s_0, s_f, type) to a matrix (N, N), and N to folded cosines.
struct CosineMatrices {
  std::map<std::tuple<std::int64_t, double, double, DType>, Tensor> made;
  std::map<std::int64_t, Tensor> folded;
};

/// cos(pi f (2n + 1) / 2N)
double cosine(std::int64_t length, std::int64_t f, std::int64_t n) {
  const std::int64_t quarter_turns = f * (2 * n + 1) % (4 * length);  // keeps the angle exact
  return std::cos(std::numbers::pi * static_cast<double>(quarter_turns) /
                  static_cast<double>(2 * length));
}

template <class T>
Tensor make_matrix(Context& ctx, std::int64_t length, const CosineScales& scales, DType dtype) {
  std::vector<T> values(static_cast<std::size_t>(length * length));
  for (std::int64_t f = 0; f < length; ++f) {
    const double scale = f == 0 ? scales.first : scales.rest;
    for (std::int64_t n = 0; n < length; ++n)
      values[static_cast<std::size_t>(f * length + n)] = T(scale * cosine(length, f, n));
  }
  Tensor matrix = ctx.empty({length, length}, dtype);
  ctx.memory()->copy_from_host(matrix.raw(), values.data(), matrix.bytes());
  return matrix;
}

const Tensor& find_matrix(Context& ctx, std::int64_t length, const CosineScales& scales,
                          DType dtype) {
  auto& made = ctx.state<CosineMatrices>().made;
  Tensor& matrix = made[{length, scales.first, scales.rest, dtype}];
  if (!matrix.defined())
    matrix = dtype == DType::bf16 ? make_matrix<Bfloat16>(ctx, length, scales, dtype)
                                  : make_matrix<float>(ctx, length, scales, dtype);
  return matrix;
}

/// Spectra beside activations in bf16 need no more than tf32 keeps, an eighth of a bf16 rounding.
bool rounds_to_tf32(const Context& ctx) {
  return ctx.allow_tf32() || ctx.compute() == DType::bf16;
}

}  // namespace

bool transforms_by_product(Context& ctx, ops::TransformKind kind, std::int64_t length,
                           DType operands) {
  if (ops::is_fourier(kind)) return false;
  const auto& choice = ctx.state<ops::TransformChoice>();
  const bool tensor_cores = operands == DType::bf16 || rounds_to_tf32(ctx);
  switch (choice.method) {
    case ops::TransformMethod::fft:
      return false;
    case ops::TransformMethod::product:
    case ops::TransformMethod::fused:
      return length <= ops::kMostProductLength;
    case ops::TransformMethod::automatic:
      break;
  }
  return length <= (tensor_cores ? ops::kProductLength : ops::kExactProductLength);
}

bool fuses_convolutions(Context& ctx, std::int64_t length, DType signals) {
  const ops::TransformMethod method = ctx.state<ops::TransformChoice>().method;
  return signals == DType::bf16 && length <= ops::kFusedLength &&
         (method == ops::TransformMethod::automatic || method == ops::TransformMethod::fused);
}

const Tensor& folded_cosines(Context& ctx, std::int64_t length, std::int64_t rows) {
  Tensor& folded = ctx.state<CosineMatrices>().folded[length];
  if (folded.defined()) return folded;
  std::vector<Bfloat16> values(static_cast<std::size_t>(2 * rows * rows), Bfloat16(0.0f));
  for (std::int64_t f = 0; f < length; ++f)
    for (std::int64_t n = 0; n < (length + 1) / 2; ++n)
      values[static_cast<std::size_t>((f % 2 * rows + f / 2) * rows + n)] =
          Bfloat16(cosine(length, f, n));
  folded = ctx.empty({2, rows, rows}, DType::bf16);
  ctx.memory()->copy_from_host(folded.raw(), values.data(), folded.bytes());
  return folded;
}

void multiply(Context& ctx, const char* op, const CosineProduct& p) {
  const Tensor& matrix = find_matrix(ctx, p.length, p.scales, p.operands);
  multiply(ctx, op,
           MatrixProduct{.a = matrix.raw(),
                         .b = p.from,
                         .c = p.to,
                         .operands = p.operands,
                         .result = p.result,
                         .m = p.length,
                         .n = p.channels,
                         .k = p.length,
                         .transpose_a = p.to_samples,
                         .a_width = p.length,
                         .b_width = p.from_width,
                         .c_width = p.channels,
                         .batch = p.samples,
                         .a_stride = 0,
                         .b_stride = p.length * p.from_width,
                         .c_stride = p.length * p.channels,
                         .allow_tf32 = rounds_to_tf32(ctx)});
}

}  // namespace orchid::cuda
