#include <cstdio>

#include <CLI/CLI.hpp>

#include "train/checkpoint/checkpoint.h"
#include "train/classify_images.h"
#include "train/cli_predict.h"
#include "train/log/json_writer.h"

namespace orchid::train {
namespace {

constexpr int kBadInput = 3;

struct ImageRequest {
  std::string path;
  std::vector<std::string> pictures;
  std::vector<std::string> sets;
  std::int64_t top = 5;
  bool ema = false;
  bool json = false;
};

void write_answer(JsonWriter& json, const ImageAnswer& answer) {
  json.begin_object().member("file", answer.file);
  if (!answer.error.empty()) {
    json.member("error", answer.error).end_object();
    return;
  }
  if (!answer.note.empty()) json.member("note", answer.note);
  json.key("guesses").begin_array();
  for (const ClassGuess& guess : answer.guesses)
    json.begin_object()
        .member("label", guess.label)
        .member("class", guess.number)
        .member("probability", guess.probability)
        .end_object();
  json.end_array().end_object();
}

std::string text_of(const ImageAnswer& answer) {
  std::string text = answer.file;
  for (const ClassGuess& guess : answer.guesses) {
    char share[16];
    std::snprintf(share, sizeof share, "%.3f", guess.probability);
    text += str("  ", guess.label, " ", share);
  }
  return text + "\n";
}

/// A file that cannot be read is named, and the others are answered all the same.
int run_classify_image(const ImageRequest& request) {
  const auto parts =
      load_checkpoint(find_checkpoint(request.path), AssembleFor::model_alone, request.sets,
                      request.ema ? WeightKind::average : WeightKind::trained);
  ImageClassifier classifier(*parts);
  const std::vector<std::string> files = image_files(request.pictures);
  JsonWriter json(2);
  json.begin_object().key("answers").begin_array();
  std::string text;
  std::int64_t unreadable = 0;
  for (const ImageAnswer& answer : classifier.answer(files, request.top)) {
    write_answer(json, answer);
    if (answer.error.empty()) {
      text += text_of(answer);
      if (!answer.note.empty())
        std::fprintf(stderr, "%s: %s\n", answer.file.c_str(), answer.note.c_str());
    } else {
      ++unreadable;
      std::fprintf(stderr, "error: %s: %s\n", answer.file.c_str(), answer.error.c_str());
    }
  }
  print_answer(request.json, json.end_array().member("unreadable", unreadable).end_object().text(),
               text);
  return unreadable > 0 ? kBadInput : 0;
}

}  // namespace

void add_classify_image(CLI::App* predict, Action& action) {
  auto request = std::make_shared<ImageRequest>();
  CLI::App* verb = predict->add_subcommand("classify-image", "Classes of pictures");
  verb->add_option("path", request->path, "run directory (its newest checkpoint) or checkpoint")
      ->required();
  verb->add_option("picture", request->pictures, "JPEG or PNG files, or folders of them")
      ->required();
  verb->add_option("--top", request->top, "classes for each picture, likeliest first")
      ->check(CLI::PositiveNumber);
  verb->add_flag("--ema", request->ema, "the moving average of the weights instead of them");
  add_sets(verb, request->sets);
  verb->add_flag("--json", request->json, "print JSON");
  verb->footer(examples({"orchid predict classify-image runs/imagenette photo.jpg --top 3",
                         "orchid predict classify-image runs/imagenette photos/ --json"}));
  verb->callback(
      [request, &action] { action = [request] { return run_classify_image(*request); }; });
}

}  // namespace orchid::train
