#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "train/checkpoint/safetensors.h"
#include "train/config/run_config.h"

namespace orchid::train {

/// Sums since the last line of metrics, so that a resumed run writes the line an uninterrupted one
/// would have written.
struct Window {
  double loss = 0;     ///< summed over targets
  double targets = 0;  ///< masked tokens
  double correct = 0;
  std::int64_t steps = 0;
  std::int64_t samples = 0;
  std::int64_t tokens = 0;
  double seconds = 0;
  double data_wait_s = 0;
};

/// What a run must remember beside its tensors. The loader's position is the step.
struct Progress {
  std::int64_t step = 0;     ///< steps done, the skipped ones included
  std::int64_t skipped = 0;  ///< of those, without an update
  std::int64_t skipped_in_a_row = 0;
  std::int64_t samples = 0;
  std::int64_t tokens = 0;
  double elapsed_s = 0;
  std::int64_t evaluated_step = -1;  ///< last evaluation; -1: none
  std::optional<double> valid_loss;  ///< of that evaluation
  /// And all it found: "valid_accuracy", "valid_mismatched_loss", ...
  std::vector<std::pair<std::string, double>> figures = {};
  std::optional<double> best_valid_loss;
  std::int64_t best_step = -1;
  Window window;
};

/// state.json of a checkpoint.
struct CheckpointState {
  RunConfig config;
  Progress progress;
  std::string version;  ///< of the program that wrote it
  std::string commit;
  std::map<std::string, WrittenFile> files;  ///< every other file of the directory
};

constexpr const char* kStateFile = "state.json";
constexpr const char* kModelFile = "model.safetensors";
constexpr const char* kOptimizerFile = "optimizer.safetensors";
constexpr const char* kAveragesFile = "ema.safetensors";
constexpr const char* kVocabularyFile = "vocab.txt";

std::string to_json(const CheckpointState&);

/// Reads state.json and checks that the files it lists are there with the right sizes; throws
/// input_data Errors. The content of the files is not read.
CheckpointState read_state(const std::filesystem::path& directory);

}  // namespace orchid::train
