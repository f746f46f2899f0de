#include "train/checkpoint/store.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iomanip>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

#include "data/io/atomic_file.h"

namespace orchid::train {
namespace {

namespace fs = std::filesystem;

/// Directories with this prefix are being written or removed.
constexpr const char* kTemporary = ".tmp-";
constexpr const char* kPrefix = "step-";

bool has_prefix(const fs::path& path, const char* prefix) {
  return path.filename().string().starts_with(prefix);
}

/// Two directories take each other's name in one step, on the disk when this returns; false where
/// the file system cannot.
bool trade_places(const fs::path& one, const fs::path& other) {
  if (renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) != 0) return false;
  const int parent = open(other.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (parent >= 0) {
    fsync(parent);
    close(parent);
  }
  return true;
}

}  // namespace

std::string checkpoint_name(std::int64_t step) {
  std::ostringstream name;
  name << kPrefix << std::setw(8) << std::setfill('0') << step;
  return name.str();
}

CheckpointStore::CheckpointStore(fs::path root, const CheckpointConfig& config)
    : root_(std::move(root)), config_(config) {}

void CheckpointStore::remove_leftovers() const {
  if (!fs::exists(root_)) return;
  std::vector<fs::path> leftovers;
  for (const auto& entry : fs::directory_iterator(root_))
    if (has_prefix(entry.path(), kTemporary)) leftovers.push_back(entry.path());
  for (const fs::path& path : leftovers) fs::remove_all(path);
}

std::vector<StoredCheckpoint> CheckpointStore::list(std::vector<std::string>* ignored) const {
  std::vector<StoredCheckpoint> found;
  if (!fs::exists(root_)) return found;
  for (const auto& entry : fs::directory_iterator(root_)) {
    if (!entry.is_directory() || !has_prefix(entry.path(), kPrefix)) continue;
    try {
      StoredCheckpoint checkpoint{entry.path(), read_state(entry.path())};
      const std::string name = checkpoint_name(checkpoint.state.progress.step);
      ORCHID_CHECK_INPUT(entry.path().filename() == name, entry.path().string(),
                         ": state.json is of ", name);
      found.push_back(std::move(checkpoint));
    } catch (const Error& error) {
      if (ignored) ignored->push_back(error.what());
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return a.state.progress.step < b.state.progress.step;
  });
  return found;
}

std::optional<StoredCheckpoint> CheckpointStore::latest(std::vector<std::string>* ignored) const {
  std::vector<StoredCheckpoint> all = list(ignored);
  if (all.empty()) return std::nullopt;
  return std::move(all.back());
}

fs::path CheckpointStore::save(CheckpointState state, const WriteFiles& write_files) const {
  const std::string name = checkpoint_name(state.progress.step);
  const fs::path final_directory = root_ / name;
  const fs::path temporary = root_ / str(kTemporary, name, "-", getpid());
  try {
    fs::remove_all(temporary);
    fs::create_directories(temporary);
    state.files = write_files(temporary);
    data::write_file(temporary / kStateFile, to_json(state));
    if (!fs::exists(final_directory) || !trade_places(temporary, final_directory)) {
      if (fs::exists(final_directory)) remove(final_directory);
      data::commit_directory(temporary, final_directory);
    }
    fs::remove_all(temporary);
  } catch (std::exception& error) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw Error(str("saving checkpoint ", final_directory.string(), ": ", error.what(),
                    "; the earlier checkpoints are intact"));
  }
  prune();
  return final_directory;
}

void CheckpointStore::prune() const {
  std::vector<StoredCheckpoint> all = list();
  std::int64_t best = -1;
  double lowest = 0;
  for (const StoredCheckpoint& checkpoint : all) {
    const Progress& progress = checkpoint.state.progress;
    if (!config_.best || !progress.valid_loss || !std::isfinite(*progress.valid_loss) ||
        progress.evaluated_step != progress.step)
      continue;
    if (best >= 0 && *progress.valid_loss >= lowest) continue;
    best = progress.step;
    lowest = *progress.valid_loss;
  }
  const std::int64_t old = std::ssize(all) - config_.keep;
  for (std::int64_t i = 0; i < old; ++i) {
    const StoredCheckpoint& checkpoint = all[static_cast<std::size_t>(i)];
    if (checkpoint.state.progress.step != best) remove(checkpoint.directory);
  }
}

/// Renamed first, so that a removal cut short leaves no half checkpoint under a valid name.
void CheckpointStore::remove(const fs::path& directory) const {
  const fs::path doomed =
      root_ / str(kTemporary, "removed-", directory.filename().string(), "-", getpid());
  fs::remove_all(doomed);
  fs::rename(directory, doomed);
  fs::remove_all(doomed);
}

}  // namespace orchid::train
