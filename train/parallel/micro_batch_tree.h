#pragma once

#include <vector>

#include "kernels/core/context.h"

namespace orchid::train {

/// Sums over the micro-batches of a step in pairs, ((0 + 1) + (2 + 3)) + ..., with at most
/// log2(micro-batches) + 1 sums kept. Where each rank has a power of two of them and ranks go on in
/// the same way, the sum over all has the same bits however they are spread over ranks.
class MicroBatchTree {
 public:
  /// `gradients` and `score` of one micro-batch alone; they may be overwritten afterwards.
  void add(Context&, Tensor& gradients, Tensor& score);
  /// The sums of all, into the same tensors; the tree is empty then. Without any they are left.
  void finish(Context&, Tensor& gradients, Tensor& score);

 private:
  struct Sum {
    Tensor gradients, score;
    bool full = false;
  };
  static void add_to(Context&, const Sum& first, Tensor& gradients, Tensor& score);

  std::vector<Sum> levels_;  ///< number i: of 2^i micro-batches
};

}  // namespace orchid::train
