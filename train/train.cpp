#include "train/train.h"

#include <csignal>
#include <optional>

#include "data/io/atomic_file.h"
#include "train/config/load.h"
#include "train/parallel/connect.h"
#include "train/parallel/gather.h"
#include "train/report/report.h"
#include "train/run_directory.h"
#include "train/signals.h"
#include "train/summary.h"

namespace orchid::train {
namespace {

/// "completed", or what the signal means: SIGINT is a person, the others a cluster taking the
/// machine back.
std::string state_after(Trainer::Outcome outcome, const Trainer& trainer) {
  if (outcome == Trainer::Outcome::completed) return "completed";
  return trainer.stop_signal() == SIGINT ? "interrupted" : "preempted";
}

void describe_start(Console& console, const Assembly& parts, const Trainer& trainer) {
  const std::string sample =
      parts.pictures() ? str(parts.data.classes.size(), " classes, ", parts.length(), " patches")
                       : str(parts.length(), " tokens");
  console.note(
      str(parts.config.name, ": ",
          short_number(static_cast<double>(trainer.optimizer().parameter_count())), " parameters, ",
          short_number(static_cast<double>(parts.data.train->size())), " training samples of ",
          sample, ", ", parts.ctx.threads(), parts.ctx.threads() == 1 ? " thread" : " threads",
          parts.comm->world() == 1
              ? std::string()
              : str(" on each of ", parts.comm->world(), " ranks (", parts.comm->backend(), ")")));
  for (const std::string& note : parts.data.notes) console.note(note);
}

int exit_code_of(const std::string& state) {
  return state == "interrupted" ? kInterrupted : 0;
}

TrainResult dry_run(Assembly& parts, std::int64_t steps) {
  RunOutput output(steps);
  Trainer trainer(parts, output, nullptr);
  describe_start(output.console(), parts, trainer);
  const Trainer::Outcome outcome = trainer.run(steps);
  const std::string state = state_after(outcome, trainer);
  return {summary_json(parts, trainer, state), summary_text(parts, trainer, state),
          exit_code_of(state)};
}

/// A rank after the first: does its share, and writes nothing.
TrainResult follow(Assembly& parts, const FoundRun& found, std::int64_t steps, bool kept) {
  RunOutput output(RunOutput::Follower{kept});
  Trainer trainer(parts, output, found.checkpoint ? &*found.checkpoint : nullptr);
  return {{}, {}, exit_code_of(state_after(trainer.run(steps), trainer))};
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
    const std::string state = state_after(trainer.run(steps), trainer);
    result.summary = finish(state);
    result.exit_code = exit_code_of(state);
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

/// Every rank looked for the run itself; they must have found the same.
void compare_found(Communicator& comm, const FoundRun& found) {
  const std::string mine = found.checkpoint ? found.checkpoint->directory.string() : "";
  const std::string first = share_text(comm, mine, "where the run goes on");
  ORCHID_CHECK_INPUT(mine == first, "rank ", comm.rank(), " goes on from \"", mine,
                     "\", the first rank from \"", first,
                     "\": expected the same; is the run's directory on a file system that all "
                     "machines share?");
}

TrainResult train_as_rank(Assembly& parts, const TrainRequest& request, const RunConfig& config,
                          const FoundRun& found) {
  Communicator& comm = *parts.comm;
  if (request.dry_run > 0) {
    return comm.rank() == 0 ? dry_run(parts, request.dry_run)
                            : follow(parts, found, request.dry_run, false);
  }
  if (comm.world() > 1) compare_found(comm, found);  // and all have looked before one writes
  if (comm.rank() > 0) return follow(parts, found, parts.config.schedule.steps, true);
  const RunDirectory directory(found, config);
  return run_in(directory, parts, found);
}

}  // namespace

TrainResult train(const TrainRequest& request) {
  const RunConfig config = load_config(request.config, request.sets);
  ORCHID_CHECK_USAGE(!config.glue, request.config.string(),
                     ": its glue section makes many runs of it: use `orchid glue`");
  const Rendezvous place = read_rendezvous(process_environment());
  // Until there is something to save a person's signal ends the process as any other; one rank of
  // several could not leave without the others.
  std::optional<StopSignals> signals;
  if (!place.launcher.empty()) signals.emplace(SignalSource::launcher);
  FoundRun found;
  if (request.dry_run == 0) found = find_run(config, request.run_directory, request.resume);
  const RunConfig mine = for_rank(config, place);
  auto parts = found.checkpoint
                   ? assemble_for(found.checkpoint->directory, mine, AssembleFor::training)
                   : assemble(mine, AssembleFor::training);
  if (found.checkpoint)
    ORCHID_CHECK_USAGE(found.checkpoint->state.progress.step <= parts->config.schedule.steps,
                       "schedule.steps: expected at least ", found.checkpoint->state.progress.step,
                       ", the steps that the run in ", found.directory.string(), " has done, got ",
                       parts->config.schedule.steps);
  parts->comm = connect(place, mine.parallel, parts->ctx);
  if (!signals) signals.emplace(SignalSource::person);
  try {
    TrainResult result = train_as_rank(*parts, request, config, found);
    // No rank ends before the others are done with it: launchers take the first end for all.
    parts->comm->barrier("the end");
    return result;
  } catch (const std::exception& error) {
    parts->comm->fail(error.what());
    throw;
  }
}

}  // namespace orchid::train
