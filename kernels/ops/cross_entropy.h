#pragma once

#include "kernels/core/run.h"

namespace orchid::ops {

/// Per row: loss = log sum_v exp(logits_v) - logits_target, correct = 1 if the target has the
/// largest logit (the first of equals), and, if wanted, the gradient of the summed loss,
/// dlogits = softmax(logits) - onehot(target). dlogits may be logits. A row whose target is -1 does
/// not count: its loss, correct and dlogits are 0, whatever its logits.
/// With `partners` and `shares`, which go together, or `smoothing`, the class is one of
///   q = (1 - smoothing) (share onehot(target) + (1 - share) onehot(partner)) + smoothing / V
/// and loss = log sum_v exp(logits_v) - sum_v q_v logits_v, dlogits = softmax(logits) - q.
struct CrossEntropy {
  static constexpr const char* name = "cross_entropy";
  In logits;              ///< (M, V)
  In targets;             ///< (M) i32, in [0, V), or -1
  Out loss;               ///< (M) f64, nats
  Out correct;            ///< (M) i32, 0 or 1
  OptionalOut dlogits;    ///< (M, V)
  OptionalIn partners{};  ///< (M) i32, in [0, V)
  OptionalIn shares{};    ///< (M) f32, in [0, 1]
  double smoothing = 0;   ///< in [0, 1)

  ORCHID_OPERANDS(logits, targets, loss, correct, dlogits, partners, shares)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

}  // namespace orchid::ops
