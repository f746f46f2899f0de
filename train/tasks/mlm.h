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

/// What the model reads of a batch, and the targets (M) i32 of its rows.
struct MlmBatch {
  model::Input input;
  Tensor targets;
};

/// The batch in host memory. On a GPU the number of rows is rounded up with rows of -1, which count
/// for nothing: then few shapes occur, whatever was masked.
MlmBatch mlm_batch(const Context&, const data::Batch&);

/// The same batch in the context's memory.
MlmBatch to_device(const Context&, const MlmBatch&);

/// sums (2) f64 += {loss, hits} of the logits (M, V) at the targets. With `gradient` the logits
/// become the gradient of the summed loss.
void add_score(Context&, Tensor& logits, const Tensor& targets, bool gradient, Tensor& sums);

/// Reads what add_score summed; waits for a device.
Score read_score(const Tensor& sums, double targets);

}  // namespace orchid::train
