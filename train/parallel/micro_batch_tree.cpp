#include "train/parallel/micro_batch_tree.h"

#include "kernels/ops/arithmetic.h"

namespace orchid::train {

/// earlier + later, in the place of the later.
void MicroBatchTree::add_to(Context& ctx, const Sum& earlier, Tensor& gradients, Tensor& score) {
  run(ctx, ops::AddScaled{.x = earlier.gradients, .y = gradients, .scale = 1});
  run(ctx, ops::AddScaled{.x = earlier.score, .y = score, .scale = 1});
}

void MicroBatchTree::add(Context& ctx, Tensor& gradients, Tensor& score) {
  std::size_t level = 0;
  for (; level < levels_.size() && levels_[level].full; ++level) {
    add_to(ctx, levels_[level], gradients, score);
    levels_[level].full = false;
  }
  if (level == levels_.size())
    levels_.push_back(
        {ctx.empty(gradients.shape(), gradients.dtype()), ctx.empty(score.shape(), score.dtype())});
  copy(gradients, levels_[level].gradients);
  copy(score, levels_[level].score);
  levels_[level].full = true;
}

void MicroBatchTree::finish(Context& ctx, Tensor& gradients, Tensor& score) {
  bool begun = false;  // the smallest, and so the latest, comes first
  for (Sum& sum : levels_) {
    if (!sum.full) continue;
    sum.full = false;
    if (begun) {
      add_to(ctx, sum, gradients, score);
    } else {
      copy(sum.gradients, gradients);
      copy(sum.score, score);
      begun = true;
    }
  }
}

}  // namespace orchid::train
