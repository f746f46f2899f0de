#pragma once

#include <filesystem>
#include <string>

namespace orchid::train {

/// Writes report.html of a run from its metrics.jsonl, summary.json and config.json: curves, final
/// numbers and configuration in one page that needs nothing else. Returns its path.
/// Throws an input_data Error if the directory is no run.
std::filesystem::path write_report(const std::filesystem::path& run_directory);

}  // namespace orchid::train
