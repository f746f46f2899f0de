#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "train/checkpoint/store.h"
#include "train/config/run_config.h"

namespace orchid::train {

/// What `orchid train` finds where a run is to live. Nothing is written while looking.
struct FoundRun {
  std::filesystem::path directory;
  bool exists = false;
  std::optional<StoredCheckpoint> checkpoint;  ///< to go on from
  std::vector<std::string> notes;              ///< for the console
};

/// Looks at `directory`, or at runs/<name> if it is empty. Throws a usage Error if there is
/// something and `resume` was not asked for, or if the run there has another configuration.
FoundRun find_run(const RunConfig&, const std::filesystem::path& directory, bool resume);

/// Whether a process trains in it.
bool is_in_use(const std::filesystem::path& run_directory);

/// An exclusive lock on a file, held for its life; the kernel drops it when the process dies.
class FileLock {
 public:
  explicit FileLock(const std::filesystem::path&);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_;
};

/// The directory of a run, held by this process alone until the end of its life.
class RunDirectory {
 public:
  /// Creates the directory (or goes on with it), writes config.json, and removes what a killed
  /// process left. Fails if another process trains there.
  RunDirectory(const FoundRun&, const RunConfig&);

  const std::filesystem::path& path() const { return path_; }
  const CheckpointStore& checkpoints() const { return checkpoints_; }

 private:
  std::filesystem::path path_;
  CheckpointStore checkpoints_;
  FileLock lock_;
};

}  // namespace orchid::train
