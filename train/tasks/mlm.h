#pragma once

#include "data/dataset.h"
#include "kernels/core/context.h"
#include "model/model.h"

namespace orchid::train {

/// Sums over the masked tokens of micro-batches; the mean is taken once, by whoever has them all.
struct Score {
  double loss = 0;  ///< nats
  double correct = 0;
  double targets = 0;
};

/// What the model reads of a batch.
model::Input model_input(const Context&, const data::Batch&);

/// Cross entropy and hits of the logits (M, V) at the batch's targets. With `gradient` the logits
/// become the gradient of the summed loss.
Score masked_cross_entropy(Context&, Tensor& logits, const Tensor& targets, bool gradient);

}  // namespace orchid::train
