#pragma once

#include <string>
#include <vector>

#include "train/glue/protocol.h"
#include "train/plan.h"

namespace orchid::train {

/// What one run of a protocol would take.
struct GlueRunCost {
  std::int64_t steps = 0;
  double tokens = 0;   ///< trained on, padding included
  double seconds = 0;  ///< with the evaluations, each of which costs a third of training on as much
};

struct GlueCost {
  RunPlan one;  ///< of the first run: parameters and memory
  std::vector<GlueRunCost> runs;
  double tokens_per_s = 0;  ///< the pace that the times assume
  std::string pace_from;    ///< where it comes from
  double disk_bytes = 0;    ///< checkpoints that stay
  double seconds() const;   ///< of all runs, one after the other
};

/// By the official number of rows. The pace is that of the run the protocol starts from, if its
/// summary is there, else half the product rate of this CPU.
GlueCost cost_of(const RunConfig&, const GluePlan&);

/// The plan of `orchid glue`, without reading the data: every task whose folder is there, or all if
/// the folder of data is not.
GluePlan plan_unread(const RunConfig&);

std::string glue_plan_json(const RunConfig&, const GluePlan&, const GlueCost&);
std::string glue_plan_text(const RunConfig&, const GluePlan&, const GlueCost&);

}  // namespace orchid::train
