#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "train/checkpoint/state.h"

namespace orchid::train {

/// A checkpoint on disk: its directory and state.json.
struct StoredCheckpoint {
  std::filesystem::path directory;
  CheckpointState state;
};

/// The checkpoints/ folder of a run: step-00001000/ and so on. A directory appears complete or not
/// at all; one without a valid state.json does not exist for this class.
class CheckpointStore {
 public:
  CheckpointStore(std::filesystem::path root, const CheckpointConfig& config);

  /// Removes what an interrupted save or removal left behind. Only for the process that owns the
  /// run.
  void remove_leftovers() const;

  /// Valid checkpoints by step. What is not valid is named in `ignored`, if given.
  std::vector<StoredCheckpoint> list(std::vector<std::string>* ignored = nullptr) const;
  std::optional<StoredCheckpoint> latest(std::vector<std::string>* ignored = nullptr) const;

  /// Saves under step `state.progress.step`: `write_files(directory)` writes all files but
  /// state.json and says what it wrote. Then prunes. After an Error the earlier checkpoints are
  /// as they were.
  using WriteFiles =
      std::function<std::map<std::string, WrittenFile>(const std::filesystem::path& directory)>;
  std::filesystem::path save(CheckpointState state, const WriteFiles& write_files) const;

  /// Removes all but the newest `keep` and, if wanted, the one with the lowest validation loss.
  void prune() const;

 private:
  void remove(const std::filesystem::path& directory) const;

  std::filesystem::path root_;
  CheckpointConfig config_;
};

/// "step-00001000"
std::string checkpoint_name(std::int64_t step);

}  // namespace orchid::train
