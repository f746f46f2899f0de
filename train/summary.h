#pragma once

#include <filesystem>
#include <string>

#include "train/assemble.h"
#include "train/trainer.h"

namespace orchid::train {

/// summary.json: how a run stands, what it reached, and on what machine. `state` is "running",
/// "completed", "interrupted", "preempted" or "failed"; `error` belongs to the last.
std::string summary_json(const Assembly&, const Trainer&, const std::string& state,
                         const std::string& error = "");

/// The same in a few lines for a person, with the time per op if it was traced.
std::string summary_text(const Assembly&, const Trainer&, const std::string& state);

}  // namespace orchid::train
