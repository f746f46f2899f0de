#include "train/run_directory.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "data/io/atomic_file.h"
#include "data/io/paths.h"
#include "train/config/load.h"
#include "train/config/text_file.h"
#include "train/optim/pattern.h"

namespace orchid::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfigFile = "config.json";
constexpr const char* kLockFile = ".lock";
/// Files of a run that appear whole or not at all.
constexpr const char* kWholeFiles[] = {kConfigFile, "summary.json", "report.html"};

/// Keys that may change between the parts of a run. The last ones change its numbers, and are the
/// user's business.
constexpr const char* kMayChange[] = {
    "description",      "device",     "threads",        "cuda_graphs",      "trace",
    "log_every",        "nonfinite",  "evaluate_every", "checkpoint.*",     "data.threads",
    "data.prefetch",    "data.train", "data.valid",     "evaluate_samples", "schedule.steps",
    "batch.per_device", "parallel.*", "data.directory", "data.vocabulary"};

/// With the start's path as it would be written from the root.
RunConfig with_whole_path(RunConfig config) {
  std::error_code ignored;
  std::string& start = config.init.checkpoint;
  const fs::path whole = fs::weakly_canonical(data::without_slash(start), ignored);
  if (!start.empty() && !ignored) start = whole.string();
  return config;
}

void compare_configs(const RunConfig& before, const RunConfig& now, FoundRun& run) {
  for (const ConfigDifference& difference :
       differences(with_whole_path(before), with_whole_path(now))) {
    const bool allowed = std::any_of(std::begin(kMayChange), std::end(kMayChange),
                                     [&](const char* key) { return matches(key, difference.key); });
    ORCHID_CHECK_USAGE(allowed, "resume: ", difference.key, ": the run in ", run.directory.string(),
                       " has ", difference.before, ", the configuration says ", difference.after,
                       "; start another run for it");
    run.notes.push_back(
        str(difference.key, ": ", difference.before, " becomes ", difference.after));
  }
}

/// What a killed process left half written of a run's own files.
bool is_leftover(const fs::path& file) {
  const std::string name = file.filename().string();
  return data::is_partial(file) &&
         std::any_of(std::begin(kWholeFiles), std::end(kWholeFiles),
                     [&](const char* whole) { return name.starts_with(str(whole, ".")); });
}

/// Under the lock: nobody else writes here.
void remove_leftovers(const fs::path& directory) {
  std::vector<fs::path> leftovers;
  for (const auto& entry : fs::directory_iterator(directory))
    if (is_leftover(entry.path())) leftovers.push_back(entry.path());
  for (const fs::path& file : leftovers) fs::remove(file);
}

}  // namespace

FoundRun find_run(const RunConfig& config, const fs::path& directory, bool resume) {
  FoundRun run;
  run.directory = directory.empty() ? fs::path("runs") / config.name : directory;
  const std::string where = run.directory.string();
  std::error_code unseen;  // what cannot be looked at cannot be created, which will be said
  if (!fs::exists(run.directory, unseen)) {
    if (resume) run.notes.push_back(where + ": nothing to resume; the run begins");
    return run;
  }
  ORCHID_CHECK_USAGE(fs::is_directory(run.directory), where, ": expected a directory");
  run.exists = fs::exists(run.directory / kConfigFile);
  if (!run.exists) {
    // A run killed before its first file was whole leaves these.
    const bool empty = std::all_of(
        fs::directory_iterator(run.directory), fs::directory_iterator{}, [](const auto& entry) {
          return entry.path().filename() == kLockFile || is_leftover(entry.path());
        });
    ORCHID_CHECK_USAGE(empty, where, ": expected a run or an empty directory; it has other files");
    if (resume) run.notes.push_back(where + ": nothing to resume; the run begins");
    return run;
  }
  ORCHID_CHECK_USAGE(resume, where,
                     ": a run is there already; go on with it by --resume, or choose another name "
                     "or --run-dir");
  const fs::path file = run.directory / kConfigFile;
  compare_configs(parse_config(read_text(file, ErrorKind::input_data), file.string()), config, run);
  std::vector<std::string> ignored;
  run.checkpoint =
      CheckpointStore(run.directory / "checkpoints", config.checkpoint).latest(&ignored);
  for (const std::string& text : ignored) run.notes.push_back("ignored: " + text);
  run.notes.push_back(run.checkpoint ? str("resuming from ", run.checkpoint->directory.string())
                                     : where + ": no checkpoint in it; the run begins again");
  return run;
}

bool is_in_use(const fs::path& run_directory) {
  const int lock = open((run_directory / kLockFile).c_str(), O_RDWR | O_CLOEXEC);
  if (lock < 0) return false;
  const bool in_use = flock(lock, LOCK_EX | LOCK_NB) != 0;
  close(lock);
  return in_use;
}

FileLock::FileLock(const fs::path& file)
    : descriptor_(open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644)) {
  ORCHID_CHECK(descriptor_ >= 0, file.string(), ": ", std::strerror(errno));
  if (flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  close(descriptor_);
  throw Error(str(file.parent_path().string(), ": another process is training in it"));
}

FileLock::~FileLock() {
  close(descriptor_);
}

RunDirectory::RunDirectory(const FoundRun& run, const RunConfig& config)
    : path_(run.directory),
      checkpoints_(path_ / "checkpoints", config.checkpoint),
      lock_((data::create_folders(path_, "choose another --run-dir"), path_ / kLockFile)) {
  ORCHID_CHECK_USAGE(run.exists || !fs::exists(path_ / kConfigFile), path_.string(),
                     ": a run has just begun there");
  remove_leftovers(path_);
  data::write_file(path_ / kConfigFile, to_json(config) + "\n");
  checkpoints_.remove_leftovers();
  fs::create_directories(path_ / "checkpoints");
}

}  // namespace orchid::train
