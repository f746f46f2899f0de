#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace orchid::train {

/// What `orchid train` was asked for.
struct TrainRequest {
  std::filesystem::path config;
  std::vector<std::string> sets;
  std::filesystem::path run_directory;  ///< empty: runs/<name>
  bool resume = false;
  std::int64_t dry_run = 0;  ///< above 0: that many steps, and nothing is written
};

/// How it ended: the summary as JSON and in a few lines, and the exit code of the program.
struct TrainResult {
  std::string summary;
  std::string text;
  int exit_code = 0;
};

/// Trains, from the beginning or from the last checkpoint. Messages go to stderr.
TrainResult train(const TrainRequest&);

}  // namespace orchid::train
