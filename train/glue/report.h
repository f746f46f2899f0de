#pragma once

#include <filesystem>

#include "train/glue/results.h"

namespace orchid::train {

/// Writes DIR/report.html: the tables of a protocol, and loss and metric over the steps of every
/// run, from its metrics.jsonl; one page that needs nothing else. Returns its path.
std::filesystem::path write_glue_report(const std::filesystem::path& directory, const GlueSummary&);

}  // namespace orchid::train
