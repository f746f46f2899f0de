#include <CLI/CLI.hpp>

#include "train/assemble.h"
#include "train/cli.h"
#include "train/comm/rendezvous.h"
#include "train/config/load.h"
#include "train/evaluation.h"
#include "train/log/console.h"
#include "train/log/json_writer.h"
#include "train/parallel/local_ranks.h"
#include "train/signals.h"
#include "train/train.h"

namespace orchid::train {
namespace {

struct TrainOptions {
  TrainRequest request;
  std::string device;
  int ranks = 0;
  bool json = false;
};

/// The same command line for one of the ranks.
std::vector<std::string> arguments_of(const TrainOptions& options) {
  const TrainRequest& request = options.request;
  std::vector<std::string> words = {"train", request.config.string()};
  for (const std::string& set : request.sets) words.insert(words.end(), {"--set", set});
  if (!request.run_directory.empty())
    words.insert(words.end(), {"--run-dir", request.run_directory.string()});
  if (request.resume) words.emplace_back("--resume");
  if (request.dry_run > 0)
    words.insert(words.end(), {"--dry-run", std::to_string(request.dry_run)});
  if (options.json) words.emplace_back("--json");
  return words;
}

int run_train(TrainOptions options) {
  if (!options.device.empty()) options.request.sets.push_back(set_of("device", options.device));
  const Rendezvous place = read_rendezvous(process_environment());
  if (options.ranks > 1 && place.world == 1)
    return run_local_ranks(options.ranks, arguments_of(options),
                           load_config(options.request.config, options.request.sets), options.json);
  ORCHID_CHECK_USAGE(options.ranks == 0 || options.ranks == place.world,
                     "--ranks: ", place.launcher, " started ", place.world,
                     " ranks already; leave --ranks out");
  const TrainResult result = train(options.request);
  if (place.rank == 0) print_answer(options.json, result.summary, result.text);
  return result.exit_code;
}

struct EvaluateOptions {
  std::string path;
  std::vector<std::string> sets;
  bool ema = false;
  bool json = false;
};

int run_evaluate(const EvaluateOptions& options) {
  const std::filesystem::path checkpoint = find_checkpoint(options.path);
  const auto parts = load_checkpoint(checkpoint, AssembleFor::evaluation, options.sets,
                                     options.ema ? WeightKind::average : WeightKind::trained);
  Console console;
  for (const std::string& note : parts->data.notes) console.note(note);
  JsonWriter json(2);
  json.begin_object().member("checkpoint", checkpoint.string());
  std::string text = checkpoint.string();
  for (const EvaluationSet& set : parts->data.valid) {
    const Evaluation result = evaluate(parts->ctx, *parts->model, *parts->task, *set.dataset,
                                       parts->evaluation_options(), [] { return false; });
    text += str("\n", set.name, ": ", result.targets, " targets in ", result.samples, " samples");
    const auto figure = [&](const std::string& key, double value) {
      json.member(set.name + "_" + key, value);
      text += str("\n  ", key, std::string(key.size() < 16 ? 17 - key.size() : 1, ' '), value);
    };
    figure("loss", result.loss);
    for (const auto& [key, value] : result.metrics) figure(key, value);
    const std::string prefix = set.name == "valid" ? "" : set.name + "_";
    json.member(prefix + "targets", result.targets).member(prefix + "samples", result.samples);
    if (!parts->pictures()) json.member(prefix + "tokens", result.tokens);
    json.member(prefix + "seconds", result.seconds);
  }
  for (const std::string& note : parts->data.late_notes->take()) console.note(note);
  print_answer(options.json, json.end_object().text(), text);
  return 0;
}

}  // namespace

void add_train(CLI::App& app, Action& action) {
  auto options = std::make_shared<TrainOptions>();
  TrainRequest& request = options->request;
  CLI::App* verb = app.add_subcommand("train", "Train a model as a configuration file says");
  verb->add_option("config", request.config, "configuration file")->required();
  add_sets(verb, request.sets);
  verb->add_option("--run-dir", request.run_directory, "directory of the run; default runs/<name>");
  verb->add_flag("--resume", request.resume, "go on from the newest checkpoint of the run");
  verb->add_option("--device", options->device, "auto | cpu | cuda[:index]");
  verb->add_option("--ranks", options->ranks,
                   "start this many ranks on this machine, one a GPU or one a CPU process; under "
                   "mpirun, srun or torchrun leave it out")
      ->check(CLI::PositiveNumber);
  verb->add_option("--dry-run", request.dry_run, "try this many steps and write nothing")
      ->check(CLI::PositiveNumber);
  verb->add_flag("--json", options->json, "print the summary as JSON alone");
  verb->footer(examples({"orchid train configs/quickstart/mlm.json",
                         "orchid train configs/quickstart/mlm.json --resume --set threads=1",
                         "orchid train configs/quickstart/mlm.json --ranks 2"}));
  verb->callback([options, &action] { action = [options] { return run_train(*options); }; });
}

void add_evaluate(CLI::App& app, Action& action) {
  auto options = std::make_shared<EvaluateOptions>();
  CLI::App* verb =
      app.add_subcommand("evaluate", "Loss and accuracy of a checkpoint on the validation data");
  verb->add_option("path", options->path,
                   "run directory (its newest checkpoint), RUN/best, or checkpoint")
      ->required();
  add_sets(verb, options->sets);
  verb->add_flag("--ema", options->ema, "the moving average of the weights instead of them");
  verb->add_flag("--json", options->json, "print JSON");
  verb->footer(examples({"orchid evaluate runs/quickstart",
                         "orchid evaluate runs/quickstart/checkpoints/step-00000600 --json"}));
  verb->callback([options, &action] { action = [options] { return run_evaluate(*options); }; });
}

}  // namespace orchid::train
