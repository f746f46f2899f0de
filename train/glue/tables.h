#pragma once

#include <string>
#include <vector>

#include "train/glue/results.h"

namespace orchid::train {

/// A table before it has a form: the first row is the header.
struct GlueTable {
  std::vector<std::vector<std::string>> rows;
  std::vector<bool> numeric;  ///< by column: to the right
};

/// A task a row: its scores both ways.
GlueTable task_table(const GlueSummary&);
/// A run a row: where it started, what it measured, how long it took.
GlueTable run_table(const GlueSummary&);

/// Below the tables: the averages, the meaning of the mark if it occurs.
std::vector<std::string> table_remarks(const GlueSummary&);

constexpr const char* kGlueHeading = "GLUE, dev sets, scores times 100";

}  // namespace orchid::train
