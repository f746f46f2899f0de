#include "train/glue/run_glue.h"

#include <algorithm>
#include <csignal>

#include "data/io/atomic_file.h"
#include "train/assemble.h"
#include "train/config/load.h"
#include "train/glue/outcome.h"
#include "train/glue/predictions.h"
#include "train/glue/queue.h"
#include "train/glue/report.h"
#include "train/log/console.h"
#include "train/run_directory.h"
#include "train/signals.h"

namespace orchid::train {
namespace {

namespace fs = std::filesystem;

constexpr int kFailed = 1;

/// Reads every file of a task that a run will read, so that what is wrong with them is said now.
std::int64_t count_rows(const std::string& folder, const std::string& task, Console& console) {
  const data::GlueTask& set = data::glue_task(task);
  if (!fs::is_directory(fs::path(folder) / set.directory)) return 0;
  std::int64_t rows = 0;
  for (const data::GluePart& part : set.parts) {
    if (part.name.starts_with("test")) continue;
    const data::GlueRows read = data::read_glue(set, folder, part.name);
    for (const std::string& note : read.notes) console.note(note);
    if (part.name == "train") rows = std::ssize(read.examples);
  }
  return rows;
}

/// Looks at what every run asks for: a configuration that can be run, in a directory that is free,
/// or that of the same run.
void check_runs(const GluePlan& plan) {
  for (const PlannedRun& planned : plan.runs) {
    with_context(planned.config.name, [&] { validate(planned.config); });
    find_run(planned.config, planned.run.directory, true);
  }
}

/// Starts a run of the first round in memory, on the CPU, and gives it up: a checkpoint that does
/// not fit, a vocabulary that is missing, or a device that is not there, shows here.
void rehearse(const GluePlan& plan, Console& console) {
  const auto bf16 = std::find_if(plan.runs.begin(), plan.runs.end(), [](const PlannedRun& run) {
    return !run.waits && run.config.precision == Precision::bf16;
  });
  RunConfig config = (bf16 == plan.runs.end() ? plan.runs.front() : *bf16).config;
  if (parse_device(config.device).type != DeviceType::cpu) {
    config.device = "cpu";
    config.precision = Precision::f32;
  }
  const auto parts = assemble(config, AssembleFor::evaluation);
  if (config.init.checkpoint.empty()) return;
  with_context("init.checkpoint",
               [&] { verify_checkpoint(find_checkpoint(config.init.checkpoint)); });
  console.note(parts->data.notes.back());
}

/// The runs as they stand, for DIR/glue.json and, read back with their results, for the tables.
GlueOutcome outcome_of(const RunConfig& config, const GluePlan& plan) {
  GlueOutcome outcome{config.name, {}, plan.notes};
  for (const PlannedRun& planned : plan.runs) outcome.runs.push_back(planned.run);
  return outcome;
}

/// A directory that is empty, or a protocol's own.
void check_directory(const fs::path& directory) {
  if (!fs::exists(directory) || is_protocol(directory)) return;
  ORCHID_CHECK_USAGE(fs::is_directory(directory), directory.string(), ": expected a directory");
  for (const auto& entry : fs::directory_iterator(directory))
    ORCHID_CHECK_USAGE(entry.path().filename() == ".lock" || data::is_partial(entry.path()),
                       directory.string(),
                       ": expected the results of `orchid glue` or an empty directory; it has ",
                       entry.path().filename().string(), "; choose another name or --run-dir");
}

void check_data(const RunConfig& config) {
  const std::string& folder = std::get<GlueDataConfig>(config.data).directory;
  ORCHID_CHECK_INPUT(fs::is_directory(folder), "data.directory: ", folder,
                     ": no such directory; expected one with the folders of GLUE, such as CoLA");
}

}  // namespace

GlueSummary write_results(const fs::path& directory) {
  const GlueSummary summary = summarise(read_outcome(directory));
  data::write_file(directory / "results.json", results_json(summary));
  data::write_file(directory / "results.md", results_markdown(summary));
  write_glue_report(directory, summary);
  return summary;
}

RunConfig glue_config(const GlueRequest& request) {
  std::vector<std::string> sets = request.sets;
  if (!request.from.empty()) sets.push_back(set_of("init.checkpoint", request.from.string()));
  RunConfig config = load_config(request.config, sets);
  ORCHID_CHECK_USAGE(config.glue, request.config.string(),
                     ": glue: required, and missing; see configs/glue");
  if (request.from.empty()) return config;
  const RunConfig trained = read_state(find_checkpoint(request.from)).config;
  auto& bert = std::get<model::BertConfig>(config.model);
  const double dropout = bert.dropout, inner = bert.encoder.dropout;
  bert = std::get<model::BertConfig>(trained.model);
  bert.dropout = dropout;
  bert.encoder.dropout = inner;
  validate(config);
  return config;
}

TrainResult run_glue(const GlueRequest& request) {
  const RunConfig config = glue_config(request);
  const fs::path directory =
      request.directory.empty() ? fs::path("runs") / config.name : request.directory;
  check_directory(directory);
  check_data(config);
  Console console;
  const GluePlan plan = plan_glue(config, directory, [&](const std::string& task) {
    return count_rows(std::get<GlueDataConfig>(config.data).directory, task, console);
  });
  for (const std::string& note : plan.notes) console.note(note);
  check_runs(plan);
  rehearse(plan, console);

  const StopSignals signals;  // until here nothing is written, and a signal may end the process
  fs::create_directories(directory);
  const FileLock lock(directory / ".lock");
  write_protocol(directory, outcome_of(config, plan));
  const QueueOutcome trained = train_all(plan.runs, config.glue->workers);
  const GlueSummary summary = write_results(directory);
  int signal = trained.signal;
  if (signal == 0 && config.glue->submission) {
    for (const std::string& note : write_submissions(directory, summary, console))
      console.note(note);
    signal = StopSignals::received();
  }
  TrainResult result{results_json(summary), results_text(summary),
                     trained.failures.empty() ? 0 : kFailed};
  for (const std::string& failure : trained.failures) result.text += str("failed: ", failure, "\n");
  if (signal != 0) {
    result.exit_code = signal == SIGINT ? kInterrupted : 0;
    result.text += "stopped; the same command goes on\n";
    return result;
  }
  result.text += str(directory.string(), "/report.html\n");
  return result;
}

}  // namespace orchid::train
