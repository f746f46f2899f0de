#pragma once

#include "model/plan.h"
#include "train/config/run_config.h"

namespace orchid::train {

/// What a run would cost, from its configuration: no device is touched, and the data are only
/// opened to count what an epoch of them is.
struct RunPlan {
  model::Plan model;               ///< of one micro-batch
  std::int64_t micro_batches = 0;  ///< of a step
  double flops_per_step = 0;
  bool gpu = false;            ///< planned for a GPU: device cuda, or bf16
  double parameter_bytes = 0;  ///< with their bf16 copies
  double gradient_bytes = 0;
  double optimizer_bytes = 0;
  double activation_bytes = 0;
  std::int64_t steps = 0;     ///< 0: not known
  std::string steps_unknown;  ///< why; then there are no samples and tokens either
  std::int64_t samples = 0;
  std::int64_t tokens = 0;  ///< positions, padding included
  double total_bytes() const {
    return parameter_bytes + gradient_bytes + optimizer_bytes + activation_bytes;
  }
};

RunPlan plan_run(const RunConfig&);
std::string plan_json(const RunConfig&, const RunPlan&);
std::string plan_text(const RunConfig&, const RunPlan&);

}  // namespace orchid::train
