#pragma once

#include "kernels/core/run.h"

namespace orchid::ops {

/// Softmax attention in several heads. A row of qkv is [q | k | v], each `heads` parts of
/// d = D / heads channels; in every head, over the keys l that count:
///   s[i, l] = q_i k_l / sqrt(d)      logsumexp[i] = log sum over l of exp s[i, l]
///   y_i = sum over l of exp(s[i, l] - logsumexp[i]) v_l
/// What qkv holds as key and value where a key does not count has no effect, NaN included; its
/// query is one like any other. Where no key of a sample counts, y is 0 and logsumexp -infinity.
/// The scores are never all in memory: it grows with L, not with its square.
struct Attention {
  static constexpr const char* name = "attention";
  In qkv;                  ///< (B, L, 3 D)
  OptionalIn mask;         ///< (B, L) u8, 0 or 1: the keys that count; left out: all
  Out y;                   ///< (B, L, D)
  Out logsumexp;           ///< (B, heads, L), accumulate_type, for the gradient
  std::int64_t heads = 1;  ///< divides D

  ORCHID_OPERANDS(qkv, mask, y, logsumexp)
  double flops() const;
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// With the weights p[i, l] = exp(s[i, l] - logsumexp[i]), computed again:
///   dv_l = sum over i of p[i, l] dy_i      ds[i, l] = p[i, l] (dy_i v_l - dy_i y_i)
///   dq_i = sum over l of ds[i, l] k_l / sqrt(d)      dk_l = sum over i of ds[i, l] q_i / sqrt(d)
/// A key that does not count gets 0 as dk and dv.
struct AttentionGrad {
  static constexpr const char* name = "attention_grad";
  In dy;                   ///< (B, L, D)
  In qkv;                  ///< (B, L, 3 D)
  OptionalIn mask;         ///< (B, L) u8, as in Attention
  In y;                    ///< (B, L, D)
  In logsumexp;            ///< (B, heads, L), accumulate_type
  Out dqkv;                ///< (B, L, 3 D)
  std::int64_t heads = 1;  ///< divides D

  ORCHID_OPERANDS(dy, qkv, mask, y, logsumexp, dqkv)
  double flops() const;
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

}  // namespace orchid::ops
