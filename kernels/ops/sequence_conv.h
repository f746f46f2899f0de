#pragma once

#include "kernels/core/run.h"

namespace orchid::ops {

/// What lies outside a sequence: zeros; reflection without the edge sample; the other end; the
/// edge.
enum class Padding { zeros, reflect, circular, replicate };

const char* name_of(Padding);

/// Largest K; longer kernels are the FFT convolution's.
inline constexpr std::int64_t kMaxTaps = 64;

/// Grouped convolution of a few taps along the sequence (cross-correlation order, as torch):
///   y[b, s, co] = bias[co] + sum_{ci in group} sum_j weight[co, ci, j] x[b, s - left + j, ci]
/// Group g owns Cin/groups consecutive inputs and Cout/groups consecutive outputs.
///   left = (K-1)/2: "same", the conditioning networks;  left = K-1: causal, the short convolution.
/// x may be Cin columns of a wider tensor, from `x_column` on.
struct SequenceConv {
  static constexpr const char* name = "sequence_conv";
  In x;             ///< (B, S, >= x_column + Cin)
  In weight;        ///< (Cout, Cin / groups, K)
  OptionalIn bias;  ///< (Cout)
  Out y;            ///< (B, S, Cout)
  std::int64_t groups = 1;
  std::int64_t left = 0;  ///< in [0, K)
  Padding padding = Padding::zeros;
  std::int64_t x_column = 0;

  ORCHID_OPERANDS(x, weight, bias, y)
  double flops() const {
    return 2.0 * static_cast<double>(y->shape().rows()) * static_cast<double>(weight->count());
  }
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

struct SequenceConvGrad {
  static constexpr const char* name = "sequence_conv_grad";
  In dy;              ///< (B, S, Cout)
  In x;               ///< (B, S, >= x_column + Cin)
  In weight;          ///< (Cout, Cin / groups, K)
  Out dx;             ///< (B, S, Cin)
  Acc dweight;        ///< (Cout, Cin / groups, K)
  OptionalAcc dbias;  ///< (Cout)
  std::int64_t groups = 1;
  std::int64_t left = 0;
  Padding padding = Padding::zeros;
  std::int64_t x_column = 0;

  ORCHID_OPERANDS(dy, x, weight, dx, dweight, dbias)
  double flops() const {
    return 4.0 * static_cast<double>(dy->shape().rows()) * static_cast<double>(weight->count());
  }
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

}  // namespace orchid::ops
