#include "train/glue/queue.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <fstream>
#include <list>
#include <set>
#include <thread>

#include "data/io/atomic_file.h"
#include "kernels/core/device.h"
#include "train/config/json.h"
#include "train/config/load.h"
#include "train/glue/workers.h"
#include "train/log/console.h"
#include "train/run_directory.h"
#include "train/signals.h"

namespace orchid::train {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr auto kPause = std::chrono::milliseconds(200);

Json read_json_file(const fs::path& file) {
  return with_context(file.string(), [&] {
    return parse_json(read_text(file, ErrorKind::input_data), ErrorKind::input_data);
  });
}

/// The step of the last whole line of metrics; 0 without one.
std::int64_t last_step(const fs::path& run_directory) {
  std::ifstream file(run_directory / "metrics.jsonl", std::ios::binary | std::ios::ate);
  if (!file) return 0;
  const auto size = static_cast<std::int64_t>(file.tellg());
  const std::int64_t tail = std::min<std::int64_t>(size, 4096);
  std::string text(static_cast<std::size_t>(tail), '\0');
  file.seekg(size - tail);
  file.read(text.data(), tail);
  const std::size_t at = text.rfind("\"step\":");
  return at == std::string::npos ? 0 : std::atoll(text.c_str() + at + 7);
}

/// The last line of a log that has text: what a run that failed said.
std::string last_words(const fs::path& log) {
  std::ifstream file(log);
  std::string last;
  for (std::string line; std::getline(file, line);)
    if (!line.empty()) last = line.substr(line.rfind('\r') + 1);
  return last;
}

std::string title(const GlueRun& run) {
  return str(run.task, " seed ", run.seed);
}

/// Samples a run trains on: what its time is in proportion to.
double work_of(const PlannedRun& planned) {
  return static_cast<double>(planned.config.schedule.epochs * planned.rows);
}

class Queue {
 public:
  Queue(const std::vector<PlannedRun>& runs, std::int64_t workers)
      : runs_(runs), states_(runs.size()), steps_(runs.size()) {
    for (const Device device : visible_devices())
      if (device.type == DeviceType::cuda) devices_.push_back(str(device));
    const bool on_cpu = devices_.empty() || runs.front().config.device == "cpu";
    if (on_cpu || runs.front().config.device != "auto") devices_.clear();
    workers_ = workers > 0 ? workers : std::max<std::int64_t>(1, std::ssize(devices_));
    for (std::size_t i = 0; i < runs.size(); ++i) {
      steps_[i] = last_step(runs[i].run.directory);
      if (is_complete(runs[i].run.directory)) states_[i] = State::complete;
    }
    done_before_ = work().done;
  }

  QueueOutcome run() {
    const auto complete = count(State::complete);
    console_.note(str(runs_.size(), " runs", complete > 0 ? str(", ", complete, " complete") : "",
                      ", ", workers_, " at a time"));
    while (!stopped()) {
      start_more();
      if (running_.empty() && count(State::waiting) == 0) break;
      std::this_thread::sleep_for(kPause);
      collect();
      show();
    }
    if (outcome_.signal != 0) wait_for_children();
    return std::move(outcome_);
  }

 private:
  enum class State { waiting, running, complete, failed };
  struct Running {
    std::size_t index;
    std::size_t slot;
    Worker worker;
  };

  std::int64_t count(State state) const {
    return std::count(states_.begin(), states_.end(), state);
  }

  bool stopped() {
    outcome_.signal = StopSignals::received();
    return outcome_.signal != 0;
  }

  /// Of the run that this one takes its weights from; complete if it needs none.
  State state_of_source(const PlannedRun& planned) const {
    if (!planned.waits) return State::complete;
    for (std::size_t i = 0; i < runs_.size(); ++i)
      if (runs_[i].run.directory == planned.config.init.checkpoint) return states_[i];
    return State::failed;
  }

  void start_more() {
    for (std::size_t i = 0; i < runs_.size() && std::ssize(running_) < workers_; ++i) {
      if (states_[i] != State::waiting) continue;
      const State source = state_of_source(runs_[i]);
      if (source == State::failed) fail(i, "the run of mnli it starts from failed");
      if (source == State::complete) start_or_wait(i);
    }
  }

  /// A process of a command that was killed may still be about to save.
  void start_or_wait(std::size_t index) {
    const PlannedRun& planned = runs_[index];
    if (is_in_use(planned.run.directory)) {
      if (waited_for_.insert(index).second)
        console_.note(title(planned.run) + ": another process trains in it; it is waited for");
      return;
    }
    if (is_complete(planned.run.directory)) return complete(index);
    try {
      start(index);
    } catch (const std::exception& error) {
      fail(index, error.what());
    }
  }

  std::size_t free_slot() const {
    std::size_t slot = 0;
    while (std::any_of(running_.begin(), running_.end(),
                       [&](const Running& other) { return other.slot == slot; }))
      ++slot;
    return slot;
  }

  void start(std::size_t index) {
    const PlannedRun& planned = runs_[index];
    const fs::path& directory = planned.run.directory;
    RunConfig config = planned.config;
    const std::size_t slot = free_slot();
    if (!devices_.empty()) config.device = devices_[slot % devices_.size()];
    if (devices_.empty() && workers_ > 1 && config.threads == 0) {
      const auto cores = static_cast<std::int64_t>(std::thread::hardware_concurrency());
      config.threads = std::max<std::int64_t>(1, cores / workers_);
    }
    fs::create_directories(directory.parent_path());
    const fs::path file = directory.string() + ".json";
    data::write_file(file, to_json(config) + "\n");
    running_.push_back(
        {index, slot,
         Worker({"train", file.string(), "--run-dir", directory.string(), "--resume"},
                log_of(planned))});
    states_[index] = State::running;
  }

  static fs::path log_of(const PlannedRun& planned) {
    return planned.run.directory.string() + ".log";
  }

  void collect() {
    for (auto it = running_.begin(); it != running_.end();) {
      if (!it->worker.ended()) {
        ++it;
        continue;
      }
      const std::size_t index = it->index;
      const int code = it->worker.exit_code();
      it = running_.erase(it);
      finish(index, code);
    }
  }

  void finish(std::size_t index, int code) {
    const PlannedRun& planned = runs_[index];
    if (is_complete(planned.run.directory)) return complete(index);
    if (stopped()) return;
    const fs::path log = log_of(planned);
    fail(index,
         str(last_words(log), " (exit code ", code, "; its output is in ", log.string(), ")"));
  }

  void complete(std::size_t index) {
    states_[index] = State::complete;
    const GlueRun& run = runs_[index].run;
    console_.note(str(title(run), ": ", figures(run.directory), "; ", tally()));
  }

  void fail(std::size_t index, const std::string& why) {
    states_[index] = State::failed;
    outcome_.failures.push_back(str(title(runs_[index].run), ": ", why));
    console_.note("failed: " + outcome_.failures.back());
  }

  /// "accuracy 0.81, f1 0.84 in 2m 03s"
  static std::string figures(const fs::path& directory) {
    const Json summary = read_json_file(directory / "summary.json");
    std::string text;
    for (const char* key : {"matthews", "accuracy", "f1", "pearson", "spearman"}) {
      const auto found = summary.find(str("valid_", key));
      if (found != summary.end() && found->is_number())
        text +=
            str(text.empty() ? "" : ", ", key, " ", std::round(found->get<double>() * 1e4) / 1e4);
    }
    return str(text, " in ", duration_text(summary.value("elapsed_s", 0.0)));
  }

  std::string tally() const {
    return str(count(State::complete), " of ", runs_.size(), " runs", left());
  }

  struct Work {
    double done = 0;
    double left = 0;  ///< of what did not fail
  };
  Work work() const {
    Work sum;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      if (states_[i] == State::failed) continue;
      const double whole = work_of(runs_[i]);
      const double share =
          states_[i] == State::complete
              ? 1
              : static_cast<double>(steps_[i]) / static_cast<double>(steps_of(runs_[i]));
      sum.done += whole * share;
      sum.left += whole * (1 - share);
    }
    return sum;
  }

  /// ", 25m 10s left", once there is a pace to judge from.
  std::string left() const {
    const Work all = work();
    const double done = all.done - done_before_;
    const std::chrono::duration<double> elapsed = Clock::now() - begin_;
    if (done <= 0 || all.left <= 0 || elapsed.count() < 5) return "";
    return str(", ", duration_text(elapsed.count() / done * all.left), " left");
  }

  void show() {
    std::string runs;
    for (const Running& running : running_) {
      const PlannedRun& planned = runs_[running.index];
      steps_[running.index] = last_step(planned.run.directory);
      runs += str(" | ", title(planned.run), " ", steps_[running.index], "/", steps_of(planned));
    }
    console_.line(tally() + runs);
  }

  /// They save and stop; a signal more ends them at once.
  void wait_for_children() {
    console_.note("stopping: the runs save first");
    for (Running& running : running_) running.worker.signal(SIGTERM);
    while (!running_.empty()) {
      std::this_thread::sleep_for(kPause);
      collect();
    }
  }

  const std::vector<PlannedRun>& runs_;
  std::vector<State> states_;
  std::vector<std::int64_t> steps_;   ///< of each run, done and in its metrics
  std::vector<std::string> devices_;  ///< GPUs to share the runs; empty: as the configuration says
  std::int64_t workers_ = 1;
  std::list<Running> running_;
  std::set<std::size_t> waited_for_;
  double done_before_ = 0;  ///< work of earlier commands
  Clock::time_point begin_ = Clock::now();
  Console console_;
  QueueOutcome outcome_;
};

}  // namespace

bool is_complete(const fs::path& run_directory) {
  const fs::path file = run_directory / "summary.json";
  if (!fs::exists(file)) return false;
  const Json summary = read_json_file(file);
  return summary.is_object() && summary.value("state", "") == "completed";
}

QueueOutcome train_all(const std::vector<PlannedRun>& runs, std::int64_t workers) {
  return Queue(runs, workers).run();
}

}  // namespace orchid::train
