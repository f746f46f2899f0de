// Pictures through the whole program: IDX files as MNIST has them, and class folders of JPEGs.

#include <csignal>
#include <cstdlib>
#include <sstream>

#include "kernels/core/error.h"
#include "kernels/core/philox.h"
#include "tests/e2e/workspace.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"

using namespace orchid::test;
using orchid::Philox;
using orchid::RandomPurpose;
using orchid::str;
namespace fs = std::filesystem;

namespace {

using Words = std::vector<std::string>;

std::string big_endian(std::uint32_t value) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>((value >> shift) & 255);
  return text;
}

/// `count` pictures of 28 x 28: those of class c have a bright row 2 c + 3 in dark noise.
void write_idx(const fs::path& folder, const std::string& prefix, std::uint32_t count,
               std::uint64_t seed) {
  constexpr std::uint32_t kSize = 28;
  std::string images =
      big_endian(0x803) + big_endian(count) + big_endian(kSize) + big_endian(kSize);
  std::string labels = big_endian(0x801) + big_endian(count);
  const Philox philox(seed, RandomPurpose::test);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t label = i % 10;
    labels += static_cast<char>(label);
    for (std::uint32_t at = 0; at < kSize * kSize; ++at) {
      const std::uint32_t noise = Philox::below(60, philox.words(0, i * kSize * kSize + at)[0]);
      images += static_cast<char>(at / kSize == 2 * label + 3 ? 250 - noise : noise);
    }
  }
  spit(folder / (prefix + "-images-idx3-ubyte"), images);
  spit(folder / (prefix + "-labels-idx1-ubyte"), labels);
}

/// A workspace with such pictures in digits/.
class Digits : public Workspace {
 public:
  Digits() {
    fs::create_directories(path() / "digits");
    write_idx(path() / "digits", "train", 90, 1);
    write_idx(path() / "digits", "t10k", 30, 2);
  }

  /// A run of 6 epochs of 12 steps (the last with 2 pictures) with all that is random.
  Words run_of(const std::string& name, const Words& more = {}) const {
    Words words = {"train", config_path("image/mnist.json"), "--run-dir", "runs/" + name};
    for (const char* set : {"data.train=digits",
                            "data.valid=digits",
                            "model.encoder.width=16",
                            "model.encoder.layers=2",
                            "model.encoder.mixer.filter.width=8",
                            "model.encoder.drop_path=0.1",
                            "batch.global=8",
                            "batch.per_device=4",
                            "threads=1",
                            "log_every=12",
                            "evaluate_every=24",
                            "checkpoint.every=12",
                            "checkpoint.keep=9",
                            "ema.decay=0.9",
                            "ema.warmup=true",
                            "data.augmentation.mixup=0.2",
                            "data.augmentation.cutmix=0.5",
                            "data.augmentation.mix_probability=0.5",
                            "data.augmentation.erasing=0.1",
                            "optimizer.learning_rate=4e-3"}) {
      words.emplace_back("--set");
      words.emplace_back(set);
    }
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
};

/// Folders of the pictures in tests/data/images, one of them with a file that is no picture.
void write_class_folders(const fs::path& root) {
  const fs::path from = fs::path(ORCHID_SOURCE_DIR) / "tests/data/images";
  for (const char* part : {"train", "val"})
    for (const auto& [folder, files] :
         {std::pair{"color", Words{"ycc420.jpg", "ycc444.jpg", "rgb.jpg", "progressive.jpg"}},
          std::pair{"gray", Words{"gray.jpg", "cmyk_black.jpg"}}}) {
      fs::create_directories(root / part / folder);
      for (const std::string& file : files) fs::copy_file(from / file, root / part / folder / file);
    }
  spit(root / "train/gray/broken.jpg", "this is no picture");
}

Words folder_run(const Words& more = {}) {
  Words words = {"train", config_path("image/imagenette.json"), "--run-dir", "runs/folders"};
  for (const char* set :
       {"data.train=photos/train", "data.valid=photos/val", "task.classes=2",
        "model.encoder.width=16", "model.encoder.layers=2", "model.image_size=32", "data.size=32",
        "data.resize=36", "model.patch=8", "model.encoder.mixer.filter.width=8", "batch.global=4",
        "batch.per_device=2", "threads=1", "schedule.epochs=2", "log_every=1",
        "checkpoint.best=false"}) {
    words.emplace_back("--set");
    words.emplace_back(set);
  }
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::vector<nlohmann::json> metrics_of(const fs::path& run) {
  std::istringstream lines(slurp(run / "metrics.jsonl"));
  std::vector<nlohmann::json> found;
  for (std::string line; std::getline(lines, line);) found.push_back(nlohmann::json::parse(line));
  return found;
}

}  // namespace

TEST_CASE("a plan counts the steps of its epochs where the pictures are", "[e2e][images]") {
  const Digits here;
  Words words = {"plan", config_path("image/mnist.json"), "--set", "batch.global=8"};
  const std::string without = here.run(words).out;  // of a folder that is not there
  CHECK(without.find("those of 6 epochs") != std::string::npos);
  CHECK(without.find("mnist: no such file or folder") != std::string::npos);
  for (const char* set : {"data.train=digits", "data.valid=digits", "data.repeats=3"}) {
    words.emplace_back("--set");
    words.emplace_back(set);
  }
  words.emplace_back("--json");
  CHECK(here.answer(words)["steps"] == 72);
}

TEST_CASE("pictures are trained on, evaluated with both sets of weights, and reported",
          "[e2e][images]") {
  const Digits here;
  const nlohmann::json summary = here.answer(here.run_of("digits", {"--json"}));
  CHECK(summary["step"] == 72);
  CHECK(summary["samples"] == 540);
  CHECK(!summary.contains("tokens"));
  CHECK(summary["train_samples_per_s"].get<double>() > 0);
  const auto lines = metrics_of(here / "runs/digits");
  CHECK(summary["train_loss"] < lines.front()["loss"]);
  int averages = 0;
  for (const auto& line : lines) {
    CHECK(!line.contains("tokens_per_s"));
    if (line["split"] != "valid_ema") continue;
    ++averages;
    CHECK(line["accuracy"].get<double>() >= 0);
    CHECK(line["top5"].get<double>() >= line["accuracy"].get<double>());
    CHECK(line["majority"] == 0.1);
  }
  CHECK(averages == 3);

  const fs::path checkpoint = here / "runs/digits/checkpoints/step-00000072";
  const auto state = nlohmann::json::parse(slurp(checkpoint / "state.json"));
  CHECK(state["config"]["task"]["labels"].size() == 10);
  CHECK(state["files"].contains("ema.safetensors"));
  const nlohmann::json plain = here.answer({"evaluate", "runs/digits", "--json"});
  const nlohmann::json average = here.answer({"evaluate", "runs/digits", "--ema", "--json"});
  CHECK(plain["samples"] == 30);
  CHECK(!plain.contains("tokens"));
  for (const char* figure : {"loss", "accuracy", "top5"}) {
    CHECK(plain["valid_" + std::string(figure)] == summary["valid_" + std::string(figure)]);
    CHECK(average["valid_" + std::string(figure)] == summary["valid_ema_" + std::string(figure)]);
  }
  CHECK(plain["valid_loss"] != average["valid_loss"]);

  const std::string page = slurp(here / "runs/digits/report.html");
  for (const char* title :
       {"top-1 accuracy", "top-5 accuracy", "images per second", "moving average"})
    CHECK(page.find(title) != std::string::npos);
  CHECK(page.find("tokens per second") == std::string::npos);
}

TEST_CASE("a killed run of pictures goes on to the same bytes", "[e2e][images][resume]") {
  const Digits here;
  REQUIRE(here.run(here.run_of("straight")).exit_code == 0);
  Words words = here.run_of("killed");
  {
    Program program(here.path(), words);
    const fs::path saved = here / "runs/killed/checkpoints/step-00000012";
    REQUIRE(program.wait_for([&] { return fs::exists(saved); }));
    program.send(SIGKILL);
    REQUIRE(program.wait().signal == SIGKILL);
  }
  words.emplace_back("--resume");
  const ProgramResult rest = here.run(words);
  INFO(rest.err);
  REQUIRE(rest.exit_code == 0);
  CHECK(rest.err.find("resuming from runs/killed/checkpoints/step-") != std::string::npos);
  for (const char* file : {"model.safetensors", "optimizer.safetensors", "ema.safetensors"}) {
    INFO(file);
    const std::string path = std::string("checkpoints/step-00000072/") + file;
    CHECK(slurp(here / "runs/straight" / path) == slurp(here / "runs/killed" / path));
  }
  CHECK(metrics_without_times(here / "runs/straight/metrics.jsonl") ==
        metrics_without_times(here / "runs/killed/metrics.jsonl"));
}

TEST_CASE("another size of micro-batches or another number of loading threads changes no picture",
          "[e2e][images]") {
  const Digits here;
  const Words alone = {"--set", "data.augmentation.mix_probability=0",
                       "--set", "model.encoder.drop_path=0",
                       "--set", "schedule.epochs=1",
                       "--set", "schedule.warmup_epochs=0"};
  const auto loss = [&](const std::string& name, const Words& more) {
    Words words = alone;
    words.insert(words.end(), more.begin(), more.end());
    words.emplace_back("--json");
    return here.answer(here.run_of(name, words))["valid_loss"].get<double>();
  };
  const double first = loss("first", {});
  CHECK(loss("threads", {"--set", "data.threads=3"}) == first);
  CHECK(loss("micro", {"--set", "batch.per_device=8"}) == Approx(first).epsilon(1e-3));
}

TEST_CASE("class folders are trained on, and pictures classified by name", "[e2e][images]") {
  const Workspace here;
  write_class_folders(here / "photos");
  const ProgramResult trained = here.run(folder_run());
  INFO(trained.err);
  REQUIRE(trained.exit_code == 0);
  CHECK(trained.err.find("broken.jpg") != std::string::npos);  // named once, and passed over
  CHECK(trained.err.find("broken.jpg") == trained.err.rfind("broken.jpg"));

  const nlohmann::json both =
      here.answer({"predict", "classify-image", "runs/folders", "photos/val/gray",
                   "photos/val/color/rgb.jpg", "--json"});
  REQUIRE(both["answers"].size() == 3);
  CHECK(both["answers"][0]["file"] == "photos/val/gray/cmyk_black.jpg");
  CHECK(both["answers"][2]["file"] == "photos/val/color/rgb.jpg");
  for (const auto& answer : both["answers"]) {
    REQUIRE(answer["guesses"].size() == 2);
    double sum = 0;
    for (const auto& guess : answer["guesses"]) {
      CHECK((guess["label"] == "color" || guess["label"] == "gray"));
      CHECK(guess["class"] == (guess["label"] == "color" ? 0 : 1));
      sum += guess["probability"].get<double>();
    }
    CHECK(sum == Approx(1));
    CHECK(answer["guesses"][0]["probability"] >= answer["guesses"][1]["probability"]);
  }

  const ProgramResult partly =
      here.run({"predict", "classify-image", "runs/folders", "photos/train/gray", "--top", "1"});
  CHECK(partly.exit_code == 3);
  CHECK(partly.err.find("photos/train/gray/broken.jpg") != std::string::npos);
  CHECK(partly.out.find("photos/train/gray/gray.jpg") != std::string::npos);
  CHECK(partly.out.find("broken.jpg") == std::string::npos);

  CHECK(here.run({"predict", "classify-image", "runs/folders", "nowhere.jpg"}).exit_code == 3);
  const ProgramResult averages =
      here.run({"predict", "classify-image", "runs/folders", "photos/val/gray", "--ema"});
  CHECK(averages.exit_code == 2);
  CHECK(averages.err.find("no moving average") != std::string::npos);
  const ProgramResult filled = here.run({"predict", "fill-mask", "runs/folders", "a [MASK]"});
  CHECK(filled.exit_code == 2);
  CHECK(filled.err.find("fill-mask: expected a masked language model; this one is for task.type "
                        "image_classification") != std::string::npos);
}

TEST_CASE("damaged pictures are named whatever rank meets them", "[e2e][images][ranks]") {
  if (std::system("command -v mpirun >/dev/null") != 0) {
    WARN("SKIPPED: ranks as processes: mpirun is not installed");
    return;
  }
  const Workspace here;
  write_class_folders(here / "photos");
  // Near half of the pictures: of an epoch neither rank meets all.
  Words broken = {"gray/broken.jpg"};
  for (const char* name : {"prog", "rgc", "ycc42", "ycc43"}) {
    broken.push_back(str("color/", name, ".jpg"));
    spit(here / ("photos/train/" + broken.back()), "this is no picture");
  }
  const ProgramResult trained =
      here.run(folder_run({"--ranks", "2", "--set", "schedule.epochs=1"}));
  INFO(trained.err);
  REQUIRE(trained.exit_code == 0);
  int of_first = 0, of_second = 0;
  for (const std::string& name : broken) {
    std::istringstream lines(trained.err);
    int found = 0;
    for (std::string line; std::getline(lines, line);) {
      if (line.find(name + ": ") == std::string::npos) continue;
      ++found;
      ++(line.find("rank 1: ") != std::string::npos ? of_second : of_first);
    }
    INFO(name);
    CHECK((found == 1 || found == 2));  // once by each rank that meets it
  }
  CHECK(of_first > 0);
  CHECK(of_second > 0);
}

TEST_CASE("pictures and models that do not fit are refused in a sentence", "[e2e][images]") {
  const Digits here;
  const ProgramResult classes = here.run(here.run_of("classes", {"--set", "task.classes=7"}));
  CHECK(classes.exit_code == 2);
  CHECK(classes.err.find("task.classes: expected 10, the classes of digits, got 7") !=
        std::string::npos);
  const ProgramResult missing = here.run(here.run_of("missing", {"--set", "data.train=nowhere"}));
  CHECK(missing.exit_code == 3);
  CHECK(missing.err.find("data: train: ") != std::string::npos);
  REQUIRE(here.run(here.train({"--set", "schedule.steps=2"})).exit_code == 0);
  const ProgramResult text = here.run({"predict", "classify-image", "runs/smoke_mlm", "digits"});
  CHECK(text.exit_code == 2);
  CHECK(text.err.find("expected a model trained to classify pictures; this one is for task.type "
                      "mlm") != std::string::npos);
}
