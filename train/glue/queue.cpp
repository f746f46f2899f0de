#include "train/glue/queue.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <fstream>
#include <list>
#include <optional>
#include <thread>

#include "data/io/atomic_file.h"
#include "kernels/core/device.h"
#include "train/config/json.h"
#include "train/config/load.h"
#include "train/glue/workers.h"
#include "train/log/console.h"
#include "train/signals.h"

namespace orchid::train {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr auto kPause = std::chrono::milliseconds(200);

Json read_json_file(const fs::path& file) {
  return parse_json(read_text(file, ErrorKind::input_data), ErrorKind::input_data);
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
      : runs_(runs), states_(runs.size()) {
    for (const Device device : visible_devices())
      if (device.type == DeviceType::cuda) devices_.push_back(str(device));
    const bool on_cpu = devices_.empty() || runs.front().config.device == "cpu";
    if (on_cpu || runs.front().config.device != "auto") devices_.clear();
    workers_ = workers > 0 ? workers : std::max<std::int64_t>(1, std::ssize(devices_));
    for (std::size_t i = 0; i < runs.size(); ++i) {
      states_[i] = is_complete(runs[i].run.directory) ? State::complete : State::waiting;
      (states_[i] == State::complete ? done_work_ : left_work_) += work_of(runs[i]);
    }
    done_before_ = done_work_;
  }

  QueueOutcome run() {
    const auto complete = std::count(states_.begin(), states_.end(), State::complete);
    console_.note(str(runs_.size(), " runs", complete > 0 ? str(", ", complete, " complete") : "",
                      ", ", workers_, " at a time"));
    while (!stopped()) {
      start_more();
      if (running_.empty()) break;
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

  bool stopped() {
    outcome_.signal = StopSignals::received();
    return outcome_.signal != 0;
  }

  /// A run that takes MNLI's weights: whether they are there.
  bool ready(const PlannedRun& planned) const {
    return !planned.waits || is_complete(planned.config.init.checkpoint);
  }

  void start_more() {
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      if (std::ssize(running_) >= workers_) return;
      if (states_[i] == State::waiting && ready(runs_[i])) start(i);
    }
    for (std::size_t i = 0; i < runs_.size() && running_.empty(); ++i) {
      if (states_[i] != State::waiting) continue;
      states_[i] = State::failed;
      outcome_.failures.push_back(title(runs_[i].run) + ": the run of mnli it starts from failed");
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
    const fs::path directory = planned.run.directory;
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
      finish(it->index, it->worker.exit_code());
      it = running_.erase(it);
    }
  }

  void finish(std::size_t index, int code) {
    const PlannedRun& planned = runs_[index];
    if (is_complete(planned.run.directory)) {
      states_[index] = State::complete;
      done_work_ += work_of(planned);
      left_work_ -= work_of(planned);
      console_.note(str(title(planned.run), ": ", figures(planned.run.directory), ", ", tally()));
      return;
    }
    if (stopped()) return;
    states_[index] = State::failed;
    left_work_ -= work_of(planned);
    const fs::path log = log_of(planned);
    outcome_.failures.push_back(str(title(planned.run), ": ", last_words(log), " (exit code ", code,
                                    "; its output is in ", log.string(), ")"));
    if (outcome_.exit_code == 0) outcome_.exit_code = code == 0 ? 1 : code;
    console_.note(outcome_.failures.back());
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
    const auto complete = std::count(states_.begin(), states_.end(), State::complete);
    return str(complete, " of ", runs_.size(), " runs", left());
  }

  /// ", 25m 10s left", once there is a pace to judge from.
  std::string left() const {
    double under_way = 0;
    for (const Running& running : running_) {
      const PlannedRun& planned = runs_[running.index];
      under_way += work_of(planned) * static_cast<double>(last_step(planned.run.directory)) /
                   static_cast<double>(steps_of(planned));
    }
    const double done = done_work_ - done_before_ + under_way;
    const std::chrono::duration<double> elapsed = Clock::now() - begin_;
    if (done <= 0 || elapsed.count() < 5) return "";
    return str(", ", duration_text(elapsed.count() / done * (left_work_ - under_way)), " left");
  }

  void show() {
    std::string text = tally();
    for (const Running& running : running_) {
      const PlannedRun& planned = runs_[running.index];
      text += str(" | ", title(planned.run), " ", last_step(planned.run.directory), "/",
                  steps_of(planned));
    }
    console_.line(text);
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
  std::vector<std::string> devices_;  ///< GPUs to share the runs; empty: as the configuration says
  std::int64_t workers_ = 1;
  std::list<Running> running_;
  double done_work_ = 0, left_work_ = 0, done_before_ = 0;
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
