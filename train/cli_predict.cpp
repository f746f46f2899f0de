#include "train/cli_predict.h"

#include <cmath>
#include <fstream>
#include <iostream>

#include <CLI/CLI.hpp>

#include "train/checkpoint/checkpoint.h"
#include "train/classify.h"
#include "train/embed.h"
#include "train/log/json_writer.h"
#include "train/predict.h"

namespace orchid::train {
namespace {

struct PredictOptions {
  std::string path;
  std::vector<std::string> texts;
  std::vector<std::string> sets;
  std::int64_t top = 5;
  std::string tsv;
  TextColumns columns;
  bool json = false;
};

std::unique_ptr<Assembly> load_model_of(const PredictOptions& options) {
  return load_checkpoint(find_checkpoint(options.path), AssembleFor::model_alone, options.sets);
}

double rounded(double value) {
  return std::round(value * 1000) / 1000;
}

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

int run_fill_mask(PredictOptions options) {
  const auto parts = load_model_of(options);
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
        text += str("  ", guess.piece, " ", rounded(guess.probability));
      text += "\n";
    }
    text += "  " + filled.filled + "\n";
  }
  json.end_array().end_object();
  print_answer(options.json, json.text(), text);
  return 0;
}

/// From the arguments, a file, or standard input; pairs are two arguments or two columns.
std::vector<data::TextExample> asked_texts(PredictOptions& options, bool pairs, const char* verb) {
  ORCHID_CHECK_USAGE(options.texts.empty() || options.tsv.empty(), verb,
                     ": expected texts or --tsv, not both");
  std::vector<int>& columns = options.columns.columns;
  if (columns.empty()) columns = pairs ? std::vector<int>{0, 1} : std::vector<int>{0};
  ORCHID_CHECK_USAGE(
      columns.size() == (pairs ? 2 : 1), "--columns: this model takes ",
      pairs ? "pairs of texts: expected two columns" : "single texts: expected one column",
      ", got ", columns.size());
  if (options.texts.empty()) {
    std::ifstream file(options.tsv);
    const bool from_file = !options.tsv.empty();
    ORCHID_CHECK_INPUT(!from_file || file.good(), options.tsv, ": cannot be read");
    auto texts = from_file ? read_texts(file, options.columns, options.tsv)
                           : read_texts(std::cin, options.columns, "standard input");
    ORCHID_CHECK_USAGE(!texts.empty(), verb,
                       ": expected texts as arguments, by --tsv or on standard input");
    return texts;
  }
  ORCHID_CHECK_USAGE(!pairs || options.texts.size() % 2 == 0, verb,
                     ": this model takes pairs of texts: expected an even number of texts, got ",
                     options.texts.size());
  std::vector<data::TextExample> examples;
  for (std::size_t i = 0; i < options.texts.size(); i += pairs ? 2 : 1)
    examples.push_back(
        {.first = options.texts[i], .second = pairs ? options.texts[i + 1] : "", .id = {}});
  return examples;
}

void write_answer(JsonWriter& json, const TextAnswer& answer,
                  const std::vector<std::string>& labels) {
  json.begin_object().member("text", answer.text.first);
  if (!answer.text.second.empty()) json.member("second", answer.text.second);
  if (labels.empty()) {
    json.member("score", answer.score).end_object();
    return;
  }
  json.member("label", answer.label).member("class", answer.best);
  json.key("probabilities").begin_object();
  for (std::size_t i = 0; i < labels.size(); ++i) json.member(labels[i], answer.probabilities[i]);
  json.end_object().end_object();
}

int run_classify(PredictOptions options) {
  const auto parts = load_model_of(options);
  TextClassifier classifier(*parts);
  const auto texts = asked_texts(options, classifier.pairs(), "classify");
  JsonWriter json(2);
  json.begin_object().key("answers").begin_array();
  std::string text;
  for (const TextAnswer& answer : classifier.answer(texts)) {
    write_answer(json, answer, classifier.labels());
    text += answer.best < 0
                ? str(rounded(answer.score))
                : str(answer.label, "  ",
                      rounded(answer.probabilities[static_cast<std::size_t>(answer.best)]));
    text += str("  ", answer.text.first,
                answer.text.second.empty() ? "" : "  |  " + answer.text.second, "\n");
  }
  print_answer(options.json, json.end_array().end_object().text(), text);
  return 0;
}

int run_embed(PredictOptions options) {
  const auto parts = load_model_of(options);
  const auto texts = asked_texts(options, false, "embed");
  const std::vector<std::vector<double>> vectors = embed(*parts, texts);
  JsonWriter json(2);
  json.begin_object().member("dimension", std::ssize(vectors.front())).key("texts").begin_array();
  std::string lines;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    json.begin_object().member("text", texts[i].first).key("embedding").begin_array();
    lines += texts[i].first;
    for (const double value : vectors[i]) {
      json.value(value);
      lines += str("\t", value);
    }
    json.end_array().end_object();
    lines += "\n";
  }
  print_answer(options.json, json.end_array().end_object().text(), lines);
  return 0;
}

/// What the verbs of `predict` have in common.
CLI::App* add_verb(CLI::App* predict, const char* name, const char* what,
                   const std::shared_ptr<PredictOptions>& options, const char* texts) {
  CLI::App* verb = predict->add_subcommand(name, what);
  verb->add_option("path", options->path,
                   "run directory (its newest checkpoint), RUN/best, or checkpoint")
      ->required();
  verb->add_option("text", options->texts, texts);
  add_sets(verb, options->sets);
  verb->add_flag("--json", options->json, "print JSON");
  return verb;
}

void add_fill_mask(CLI::App* predict, Action& action) {
  auto options = std::make_shared<PredictOptions>();
  CLI::App* verb = add_verb(predict, "fill-mask", "Guess the pieces at each [MASK]", options,
                            "texts with [MASK]; none: lines of standard input");
  verb->add_option("--top", options->top, "guesses for each [MASK]")->check(CLI::PositiveNumber);
  verb->footer(examples(
      {"orchid predict fill-mask runs/quickstart \"she looked at the [MASK] .\"",
       "echo \"it was a [MASK] day .\" | orchid predict fill-mask runs/quickstart --json"}));
  verb->callback([options, &action] { action = [options] { return run_fill_mask(*options); }; });
}

void add_columns(CLI::App* verb, const std::shared_ptr<PredictOptions>& options,
                 const char* columns) {
  verb->add_option("--tsv", options->tsv, "tab-separated file to read texts from");
  verb->add_option("--columns", options->columns.columns, columns)
      ->delimiter(',')
      ->check(CLI::NonNegativeNumber);
  verb->add_flag("--header", options->columns.header, "the first line names the columns");
}

void add_classify(CLI::App* predict, Action& action) {
  auto options = std::make_shared<PredictOptions>();
  CLI::App* verb =
      add_verb(predict, "classify", "Class or score of texts or pairs of texts", options,
               "texts; for a model of pairs, two and two; none: standard input, a "
               "text a line, pairs separated by a tab");
  add_columns(verb, options, "columns of the text, or of the two texts, from 0; default 0 or 0,1");
  verb->footer(
      examples({"orchid predict classify runs/glue_quickstart/sst2/seed-19 \"a warm , funny film\"",
                "orchid predict classify runs/glue_quickstart/mrpc/seed-19 --tsv glue/MRPC/dev.tsv "
                "--header --columns 3,4 --json"}));
  verb->callback([options, &action] { action = [options] { return run_classify(*options); }; });
}

void add_embed(CLI::App* predict, Action& action) {
  auto options = std::make_shared<PredictOptions>();
  CLI::App* verb =
      add_verb(predict, "embed",
               "Vectors of texts: the mean, over a text's pieces, of what the model's head reads",
               options, "texts, cut to the model's length; none: standard input, a text a line");
  add_columns(verb, options, "column of the text, from 0; default 0");
  verb->footer(examples({"orchid predict embed runs/quickstart \"the cat sat on the mat .\" --json",
                         "orchid predict embed runs/quickstart < texts.txt > vectors.tsv"}));
  verb->callback([options, &action] { action = [options] { return run_embed(*options); }; });
}

}  // namespace

void add_predict(CLI::App& app, Action& action) {
  CLI::App* predict = app.add_subcommand("predict", "Use a trained model");
  predict->require_subcommand(1);
  predict->footer(
      examples({"orchid predict fill-mask runs/quickstart \"she looked at the [MASK] .\"",
                "orchid predict classify-image runs/imagenette photo.jpg"}));
  add_fill_mask(predict, action);
  add_classify(predict, action);
  add_embed(predict, action);
  add_classify_image(predict, action);
}

}  // namespace orchid::train
