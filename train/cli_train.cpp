#include <iostream>

#include <CLI/CLI.hpp>

#include "train/checkpoint/checkpoint.h"
#include "train/cli.h"
#include "train/evaluation.h"
#include "train/log/json_writer.h"
#include "train/predict.h"
#include "train/signals.h"
#include "train/train.h"

namespace orchid::train {
namespace {

struct TrainOptions {
  TrainRequest request;
  std::string device;
  bool json = false;
};

int run_train(TrainOptions options) {
  if (!options.device.empty()) options.request.sets.push_back("device=" + options.device);
  const TrainResult result = train(options.request);
  print_answer(options.json, result.summary, result.text);
  return result.exit_code;
}

struct EvaluateOptions {
  std::string path;
  std::vector<std::string> sets;
  bool json = false;
};

int run_evaluate(const EvaluateOptions& options) {
  const std::filesystem::path checkpoint = find_checkpoint(options.path);
  const auto parts = load_checkpoint(checkpoint, AssembleFor::evaluation, options.sets);
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
    json.member(prefix + "tokens", result.tokens).member(prefix + "seconds", result.seconds);
  }
  print_answer(options.json, json.end_object().text(), text);
  return 0;
}

struct FillMaskOptions {
  std::string path;
  std::vector<std::string> texts;
  std::vector<std::string> sets;
  std::int64_t top = 5;
  bool json = false;
};

void write_filled(JsonWriter& json, const FilledText& filled) {
  json.begin_object().member("text", filled.text).member("filled", filled.filled);
  json.key("masks").begin_array();
  for (const std::vector<MaskGuess>& guesses : filled.masks) {
    json.begin_array();
    for (const MaskGuess& guess : guesses)
      json.begin_object()
          .member("piece", guess.piece)
          .member("id", guess.id)
          .member("probability", guess.probability)
          .end_object();
    json.end_array();
  }
  json.end_array().end_object();
}

int run_fill_mask(FillMaskOptions options) {
  const auto parts =
      load_checkpoint(find_checkpoint(options.path), AssembleFor::model_alone, options.sets);
  MaskFiller filler(*parts);
  if (options.texts.empty())
    for (std::string line; std::getline(std::cin, line);)
      if (!line.empty()) options.texts.push_back(line);
  ORCHID_CHECK_USAGE(!options.texts.empty(),
                     "fill-mask: expected a text with [MASK], as an "
                     "argument or on standard input");
  JsonWriter json(2);
  json.begin_object().key("texts").begin_array();
  std::string text;
  for (const std::string& asked : options.texts) {
    const FilledText filled = filler.fill(asked, options.top);
    write_filled(json, filled);
    text += asked + "\n";
    for (std::size_t i = 0; i < filled.masks.size(); ++i) {
      text += str("  [MASK] ", i + 1, ":");
      for (const MaskGuess& guess : filled.masks[i])
        text += str("  ", guess.piece, " ", std::round(guess.probability * 1000) / 1000);
      text += "\n";
    }
    text += "  " + filled.filled + "\n";
  }
  json.end_array().end_object();
  print_answer(options.json, json.text(), text);
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
  verb->add_option("--dry-run", request.dry_run, "try this many steps and write nothing")
      ->check(CLI::PositiveNumber);
  verb->add_flag("--json", options->json, "print the summary as JSON alone");
  verb->footer(examples({"orchid train configs/quickstart/mlm.json",
                         "orchid train configs/quickstart/mlm.json --resume --set threads=1"}));
  verb->callback([options, &action] { action = [options] { return run_train(*options); }; });
}

void add_evaluate(CLI::App& app, Action& action) {
  auto options = std::make_shared<EvaluateOptions>();
  CLI::App* verb =
      app.add_subcommand("evaluate", "Loss and accuracy of a checkpoint on the validation data");
  verb->add_option("path", options->path, "run directory (its newest checkpoint) or checkpoint")
      ->required();
  add_sets(verb, options->sets);
  verb->add_flag("--json", options->json, "print JSON");
  verb->footer(examples({"orchid evaluate runs/quickstart",
                         "orchid evaluate runs/quickstart/checkpoints/step-00000600 --json"}));
  verb->callback([options, &action] { action = [options] { return run_evaluate(*options); }; });
}

void add_predict(CLI::App& app, Action& action) {
  CLI::App* predict = app.add_subcommand("predict", "Use a trained model");
  predict->require_subcommand(1);
  auto options = std::make_shared<FillMaskOptions>();
  CLI::App* verb = predict->add_subcommand("fill-mask", "Guess the pieces at each [MASK]");
  verb->add_option("path", options->path, "run directory (its newest checkpoint) or checkpoint")
      ->required();
  verb->add_option("text", options->texts, "texts with [MASK]; none: lines of standard input");
  verb->add_option("--top", options->top, "guesses for each [MASK]")->check(CLI::PositiveNumber);
  add_sets(verb, options->sets);
  verb->add_flag("--json", options->json, "print JSON");
  const std::vector<std::string> commands = {
      "orchid predict fill-mask runs/quickstart \"she looked at the [MASK] .\"",
      "echo \"it was a [MASK] day .\" | orchid predict fill-mask runs/quickstart --json"};
  predict->footer(examples(commands));
  verb->footer(examples(commands));
  verb->callback([options, &action] { action = [options] { return run_fill_mask(*options); }; });
}

}  // namespace orchid::train
