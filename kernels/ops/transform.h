#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/core/run.h"

namespace orchid::ops {

/// Transforms along the sequence, per channel. N is the transform length. Beside signals in bf16,
/// spectra are f32.
///   fft        A_f = (1/N) sum_n a_n exp(-2 pi i f n / N),  f = 0 .. N/2;  inverse without factor
///   fft_ortho  the same with 1/sqrt(N) both ways
///   dct        A_k = 2 sum_n a_n cos(pi k (2n+1) / (2N)),   k = 0 .. N-1;  exact inverse
///   dct_ortho  A_k = c_k sum_n a_n cos(...), c_0 = sqrt(1/N), c_k = sqrt(2/N); inverse = transpose
enum class TransformKind { fft, fft_ortho, dct, dct_ortho };

const char* name_of(TransformKind);
constexpr bool is_fourier(TransformKind kind) {
  return kind == TransformKind::fft || kind == TransformKind::fft_ortho;
}

/// Bins kept, F: N/2 + 1 (Fourier) or N (cosine).
constexpr std::int64_t spectrum_bins(TransformKind kind, std::int64_t length) {
  return is_fourier(kind) ? length / 2 + 1 : length;
}
/// Channels of a spectrum of D real channels: 2D, planar [Re (D) | Im (D)] in each bin (Fourier),
/// or D (cosine).
constexpr std::int64_t spectrum_channels(TransformKind kind, std::int64_t width) {
  return is_fourier(kind) ? 2 * width : width;
}

/// The least length from `least` on whose transform needs no detour (factors 2, 3, 5, 7 only).
std::int64_t good_transform_length(std::int64_t least);

/// Memory for intermediate results that a transform or convolution on a GPU uses at a time, at
/// least enough for one sample; ctx.state<TransformScratch>() holds that of a context.
struct TransformScratch {
  std::int64_t most_bytes = std::int64_t{256} << 20;
};

/// How a GPU does cosine transforms: by Fourier transforms, or by products with the matrix of
/// cosines; `fused`: by products, and a convolution in bf16 of up to kFusedLength positions in one
/// kernel. `automatic`: fused up to a length.
enum class TransformMethod { automatic, fft, product, fused };

/// That of a context: ctx.state<TransformChoice>().
struct TransformChoice {
  TransformMethod method = TransformMethod::automatic;
};

/// The longest signals that `automatic` transforms by products. One is of 2 N FLOP an element; what
/// it saves are a transposition each way and the passes of the Fourier transform, about 20 bytes
/// an element, at 200 FLOP a byte on tensor cores (bf16, tf32) and 12 without: N = 2000 and 120 by
/// that. Products reach less of their peak than copies do, and round more: a quarter of the former.
inline constexpr std::int64_t kProductLength = 512;
inline constexpr std::int64_t kExactProductLength = 128;
/// No longer ones by `product` either: their matrix would be larger than the signals.
inline constexpr std::int64_t kMostProductLength = 4096;
/// The longest signals whose convolution is one kernel, with half the matrix of cosines and all
/// operands of some channels in the shared memory of a block; on small GPUs they do not fit.
inline constexpr std::int64_t kFusedLength = 256;

/// Work of one real transform of length N for `signals` signals: half of 5 N log2 N each.
inline double transform_flops(double signals, std::int64_t length) {
  const double n = static_cast<double>(length);
  return 2.5 * n * std::log2(n) * signals;
}

/// spectrum = T(x), x padded with zeros from L to N.
struct Transform {
  static constexpr const char* name = "transform";
  In x;          ///< (B, L, D), L <= N
  Out spectrum;  ///< (B, F, 2D planar) or (B, F, D)
  TransformKind kind = TransformKind::fft_ortho;
  std::int64_t length = 0;  ///< N; cosine kinds need N = L

  ORCHID_OPERANDS(x, spectrum)
  double flops() const {
    return transform_flops(static_cast<double>(x->shape()[0] * x->shape()[2]), length);
  }
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// Adjoint of Transform: dx from the gradient pair (dS/dRe, dS/dIm) of every kept bin,
///   Fourier: dx_n = s sum_{f <= N/2} Re(G_f exp(+2 pi i f n / N)), no bin doubled.
struct TransformGrad {
  static constexpr const char* name = "transform_grad";
  In dspectrum;  ///< as Transform::spectrum
  Out dx;        ///< (B, L, D)
  TransformKind kind = TransformKind::fft_ortho;
  std::int64_t length = 0;

  ORCHID_OPERANDS(dspectrum, dx)
  double flops() const {
    return transform_flops(static_cast<double>(dx->shape()[0] * dx->shape()[2]), length);
  }
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// x = T^-1(spectrum), cut to its first L samples. Im of bin 0 and, for even N, of bin N/2 is
/// ignored; every other bin f > 0 counts with its conjugate.
struct InverseTransform {
  static constexpr const char* name = "inverse_transform";
  In spectrum;  ///< (B, F, 2D planar) or (B, F, D)
  Out x;        ///< (B, L, D), L <= N
  TransformKind kind = TransformKind::fft_ortho;
  std::int64_t length = 0;

  ORCHID_OPERANDS(spectrum, x)
  double flops() const {
    return transform_flops(static_cast<double>(x->shape()[0] * x->shape()[2]), length);
  }
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// Adjoint of InverseTransform: bins other than 0 and N/2 count twice; the gradients of the ignored
/// imaginary parts are exactly 0.
struct InverseTransformGrad {
  static constexpr const char* name = "inverse_transform_grad";
  In dx;          ///< (B, L, D)
  Out dspectrum;  ///< as InverseTransform::spectrum
  TransformKind kind = TransformKind::fft_ortho;
  std::int64_t length = 0;

  ORCHID_OPERANDS(dx, dspectrum)
  double flops() const {
    return transform_flops(static_cast<double>(dx->shape()[0] * dx->shape()[2]), length);
  }
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

}  // namespace orchid::ops
