#include "train/train.h"

#include <csignal>

#include "data/io/atomic_file.h"
#include "train/config/load.h"
#include "train/report/report.h"
#include "train/run_directory.h"
#include "train/signals.h"
#include "train/summary.h"

namespace orchid::train {
namespace {

constexpr int kInterrupted = 130;

/// "completed", or what the signal means: SIGINT is a person, the others a cluster taking the
/// machine back.
std::string state_after(Trainer::Outcome outcome) {
  if (outcome == Trainer::Outcome::completed) return "completed";
  return StopSignals::received() == SIGINT ? "interrupted" : "preempted";
}

void describe_start(Console& console, const Assembly& parts, const Trainer& trainer) {
  const std::string sample =
      parts.pictures() ? str(parts.data.classes.size(), " classes, ", parts.length(), " patches")
                       : str(parts.length(), " tokens");
  console.note(str(parts.config.name, ": ",
                   short_number(static_cast<double>(trainer.optimizer().parameter_count())),
                   " parameters, ", short_number(static_cast<double>(parts.data.train->size())),
                   " training samples of ", sample, ", ", parts.ctx.threads(),
                   parts.ctx.threads() == 1 ? " thread" : " threads"));
  for (const std::string& note : parts.data.notes) console.note(note);
}

TrainResult dry_run(Assembly& parts, std::int64_t steps) {
  RunOutput output(steps);
  Trainer trainer(parts, output, nullptr);
  describe_start(output.console(), parts, trainer);
  const Trainer::Outcome outcome = trainer.run(steps);
  const std::string state = state_after(outcome);
  return {summary_json(parts, trainer, state), summary_text(parts, trainer, state),
          state == "interrupted" ? kInterrupted : 0};
}

TrainResult run_in(const RunDirectory& directory, Assembly& parts, const FoundRun& found) {
  const std::int64_t steps = parts.config.schedule.steps;
  const StoredCheckpoint* resume = found.checkpoint ? &*found.checkpoint : nullptr;
  RunOutput output(directory, resume ? resume->state.progress : Progress{}, steps);
  Trainer trainer(parts, output, resume);
  for (const std::string& note : found.notes) output.console().note(note);
  describe_start(output.console(), parts, trainer);
  const auto finish = [&](const std::string& state, const std::string& error = "") {
    const std::string summary = summary_json(parts, trainer, state, error);
    data::write_file(directory.path() / "summary.json", summary);
    return summary;
  };
  finish("running");
  TrainResult result;
  try {
    const std::string state = state_after(trainer.run(steps));
    result.summary = finish(state);
    result.exit_code = state == "interrupted" ? kInterrupted : 0;
    result.text = str(summary_text(parts, trainer, state), "\n", directory.path().string());
  } catch (const std::exception& error) {
    try {
      finish("failed", error.what());  // a full disk may refuse this too; the cause is what counts
    } catch (const std::exception&) {
    }
    throw;
  }
  write_report(directory.path());
  return result;
}

}  // namespace

TrainResult train(const TrainRequest& request) {
  const RunConfig config = load_config(request.config, request.sets);
  ORCHID_CHECK_USAGE(!config.glue, request.config.string(),
                     ": its glue section makes many runs of it: use `orchid glue`");
  const StopSignals signals;
  if (request.dry_run > 0) {
    auto parts = assemble(config, AssembleFor::training);
    return dry_run(*parts, request.dry_run);
  }
  const FoundRun found = find_run(config, request.run_directory, request.resume);
  auto parts = found.checkpoint
                   ? assemble_for(found.checkpoint->directory, config, AssembleFor::training)
                   : assemble(config, AssembleFor::training);
  const RunDirectory directory(found, config);
  return run_in(directory, *parts, found);
}

}  // namespace orchid::train
