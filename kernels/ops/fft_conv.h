#pragma once

#include "kernels/ops/transform.h"

namespace orchid::ops {

/// Largest K of the short convolution of FftConv.
inline constexpr std::int64_t kMaxShortTaps = 4;

/// Gated long convolution, the heart of the Orchid operator (arXiv 2402.18508, Eq. 1):
///   u = gate_in * x
///   c = scale * T^-1( T(u) * (h0 + h) ) + skip * u
///   y = gate_out * c + add
/// with u padded with zeros from L to N and the product cut to L. Operands of (B, L, D) may be
/// D columns of a wider tensor: `*_column` is the first. For both Fourier kinds T^-1(T(u) * H) is
/// (1/N) sum_f U_f H_f exp(+2 pi i f n / N) with U the unnormalised transform, so N = L, scale = 1
/// is circular convolution. For cosine kinds it is C^T (C u * H), C the orthonormal DCT-II.
/// A left-out gate is 1, left-out h, skip and add are 0. Beside activations in bf16, h0, h, skip
/// and their gradients are f32.
/// With short_weight, x and the gates are columns of one tensor p of width W as it is before a
/// causal depthwise convolution, and the op takes from it what that gives, without storing it:
///   q[b, l, w] = short_bias[w] + sum_j short_weight[w, 0, j] p[b, l - (K-1) + j, w]
struct FftConv {
  static constexpr const char* name = "fft_conv";
  In x;                  ///< (B, L, >= x_column + D)
  OptionalIn gate_in{};  ///< (B, L, >= gate_in_column + D)
  In h0;                 ///< (F, C): static spectrum, the same for every sample; C as Transform's
  OptionalIn h{};        ///< (B, F, C) per sample; or (B, F, D) real (zero phase) for Fourier kinds
  OptionalIn skip{};     ///< (D)
  OptionalIn gate_out{};      ///< (B, L, >= gate_out_column + D)
  OptionalIn add{};           ///< (B, L, D)
  OptionalIn short_weight{};  ///< (W, 1, K)
  OptionalIn short_bias{};    ///< (W)
  OptionalOut c{};            ///< (B, L, D): kept for the gradient of gate_out
  Out y;                      ///< (B, L, D); may be `add`
  TransformKind kind = TransformKind::fft_ortho;
  std::int64_t length = 0;  ///< N >= L; cosine kinds need N = L
  double scale = 1;
  /// One of several in a row: on a GPU then no products in bf16, whose roundings would add up.
  bool chained = false;
  std::int64_t x_column = 0;
  std::int64_t gate_in_column = 0;
  std::int64_t gate_out_column = 0;

  ORCHID_OPERANDS(x, gate_in, h0, h, skip, gate_out, add, short_weight, short_bias, c, y)
  double flops() const {
    return 2 * transform_flops(static_cast<double>(y->shape()[0] * y->shape()[2]), length);
  }
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// Gradients of FftConv (that of `add` is dy itself). With dc = gate_out * dy, G and U the
/// transforms of dc and u (spectra are recomputed here, not kept):
///   dgate_out = dy * c
///   du = adjoint: scale * T^-1( T(dc) * conj(H) ) + skip * dc;  dx = gate_in * du, dgate_in = x *
///   du dH_f = scale * w_f / N * G_f conj(U_f), w_f = 1 at f = 0 and N/2 (even N), else 2 dh = dH
///   per sample (real part for a zero-phase h), dh0 += sum over the batch dskip += sum of dc * u
struct FftConvGrad {
  static constexpr const char* name = "fft_conv_grad";
  In dy;  ///< (B, L, D)
  In x;   ///< as in FftConv, and so the next five
  OptionalIn gate_in{};
  In h0;
  OptionalIn h{};
  OptionalIn skip{};
  OptionalIn gate_out{};
  OptionalIn c{};             ///< (B, L, D); needed with gate_out
  OptionalIn short_weight{};  ///< gradients are then those of columns of q
  OptionalIn short_bias{};
  Out dx;                   ///< columns of a tensor laid out as x; the other columns stay untouched
  OptionalOut dgate_in{};   ///< columns, as gate_in
  OptionalOut dgate_out{};  ///< columns, as gate_out
  Acc dh0;                  ///< (F, C)
  OptionalOut dh{};         ///< as h
  OptionalAcc dskip{};      ///< (D)
  TransformKind kind = TransformKind::fft_ortho;
  std::int64_t length = 0;
  double scale = 1;
  /// One of several in a row: on a GPU then no products in bf16, whose roundings would add up.
  bool chained = false;
  std::int64_t x_column = 0;
  std::int64_t gate_in_column = 0;
  std::int64_t gate_out_column = 0;
  bool accumulate_dx = false;  ///< dx += instead of dx =

  ORCHID_OPERANDS(dy, x, gate_in, h0, h, skip, gate_out, c, short_weight, short_bias, dx, dgate_in,
                  dgate_out, dh0, dh, dskip)
  double flops() const {
    return 3 * transform_flops(static_cast<double>(dy->shape()[0] * dy->shape()[2]), length);
  }
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

}  // namespace orchid::ops
