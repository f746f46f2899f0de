#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "kernels/core/context.h"
#include "model/model.h"
#include "train/comm/communicator.h"
#include "train/tasks/task.h"

namespace orchid::train {

/// Figures over a whole data set: weighted by target, no dropout, draw 0 of whatever is random.
struct Evaluation {
  double loss = 0;  ///< mean over targets: nats, or squared errors
  Metrics metrics;  ///< of the task
  std::int64_t targets = 0;
  std::int64_t samples = 0;
  std::int64_t tokens = 0;
  double seconds = 0;
  bool complete = false;  ///< false: `stop` said so; the other numbers then mean nothing

  /// Throws if the task has no such figure.
  double metric(const std::string& name) const;
};

struct EvaluationOptions {
  std::int64_t micro_batch = 32;
  std::int64_t samples = 0;       ///< that many, evenly from all; 0: all
  int threads = 1;                ///< that prepare batches
  Communicator* ranks = nullptr;  ///< that share the samples; all get the figures of all
};

/// `stop` is asked before each micro-batch; what one rank's says holds for all.
Evaluation evaluate(Context&, const model::Model&, const Task&, const data::Dataset&,
                    const EvaluationOptions&, const std::function<bool()>& stop);

/// What the model answers for every sample of a data set, whatever `samples` says, in its order:
/// one row of outputs each. For tasks with one answer a sample. `stop`, if any, is asked before
/// each micro-batch; where it says so, the rows end there.
std::vector<std::vector<double>> predict_all(Context&, const model::Model&, const Task&,
                                             const data::Dataset&, const EvaluationOptions&,
                                             const std::function<bool()>& stop = {});

}  // namespace orchid::train
