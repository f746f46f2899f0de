#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "train/glue/results.h"
#include "train/log/console.h"

namespace orchid::train {

/// Predicts the test sets of every task with its best completed run (by the paper's score on the
/// dev set) and writes DIR/submission/<name>.tsv; MNLI's run also predicts AX. Files that come from
/// the same weights already are left. A signal ends it between files. Returns what could not be
/// written and why.
std::vector<std::string> write_submissions(const std::filesystem::path& directory,
                                           const GlueSummary&, Console&);

}  // namespace orchid::train
