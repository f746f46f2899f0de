#pragma once

#include <cstdint>
#include <functional>

#include "data/dataset.h"
#include "kernels/core/context.h"
#include "model/model.h"

namespace orchid::train {

/// Masked-token figures over a whole data set: weighted by token, no dropout, the one fixed draw
/// of masks.
struct Evaluation {
  double loss = 0;             ///< cross entropy in nats, mean over targets
  double accuracy = 0;         ///< share of targets with the largest logit
  double unigram_entropy = 0;  ///< of the targets' own frequencies: what knowing them alone gives
  std::int64_t targets = 0;
  std::int64_t samples = 0;
  std::int64_t tokens = 0;
  double seconds = 0;
  bool complete = false;  ///< false: `stop` said so; the other numbers then mean nothing
};

struct EvaluationOptions {
  std::int64_t micro_batch = 32;
  std::int64_t samples = 0;  ///< the first ones; 0: all
  int threads = 1;           ///< that prepare batches
};

/// `stop` is asked before each micro-batch.
Evaluation evaluate(Context&, const model::Model&, const data::Dataset&, const EvaluationOptions&,
                    const std::function<bool()>& stop);

}  // namespace orchid::train
