#include <set>

#include "tests/e2e/workspace.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"

using namespace orchid::test;
namespace fs = std::filesystem;

namespace {

using Words = std::vector<std::string>;

const std::vector<Words> kVerbs = {{"train"},
                                   {"glue"},
                                   {"evaluate"},
                                   {"predict"},
                                   {"predict", "fill-mask"},
                                   {"predict", "classify"},
                                   {"predict", "embed"},
                                   {"predict", "classify-image"},
                                   {"data"},
                                   {"data", "vocab"},
                                   {"data", "tokenize"},
                                   {"data", "inspect"},
                                   {"data", "synth"},
                                   {"data", "check-submission"},
                                   {"data", "pack-images"},
                                   {"data", "preview"},
                                   {"data", "bench"},
                                   {"plan"},
                                   {"describe"},
                                   {"checkpoint"},
                                   {"checkpoint", "show"},
                                   {"checkpoint", "verify"},
                                   {"devices"},
                                   {"report"},
                                   {"report", "glue"},
                                   {"check-golden"},
                                   {"bench"}};

std::string joined(const Words& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

}  // namespace

TEST_CASE("every verb explains itself with two examples", "[e2e][cli]") {
  const Workspace here;
  for (Words verb : kVerbs) {
    INFO(joined(verb));
    const std::string name = "orchid " + verb[0];
    verb.push_back("--help");
    const ProgramResult help = here.run(verb);
    CHECK(help.exit_code == 0);
    const std::size_t examples = help.out.find("Examples:");
    REQUIRE(examples != std::string::npos);
    const std::size_t first = help.out.find(name, examples);
    REQUIRE(first != std::string::npos);
    CHECK(help.out.find(name, first + 1) != std::string::npos);
  }
}

TEST_CASE("mistakes in the command line exit with 2 and say what is wrong", "[e2e][cli]") {
  const Workspace here;
  const std::vector<std::pair<Words, std::string>> mistakes = {
      {{}, "A subcommand is required"},
      {{"trian"}, "unknown verb \"trian\"; did you mean \"train\"?"},
      {{"data", "fly"}, "unknown verb \"fly\"; known here: "},
      {{"train"}, "config is required"},
      {{"train", "a.json", "b.json"}, "b.json"},
      {{"train", "a.json", "--fast"}, "--fast"},
      {{"train", "a.json", "--dry-run", "0"}, "--dry-run"},
      {{"train", "a.json", "--set"}, "--set"},
      {{"train", "none.json"}, "none.json: no such file"},
      {here.train({"--set", "batch.globl=3"}), "did you mean \"global\"?"},
      {here.train({"--device", "tpu"}), "device: expected auto | cpu | cuda[:index], got \"tpu\""},
      {here.train({"--device", "cuda"}), "needs a build with CUDA"},
      {{"report"}, "run is required"},
      {{"report", "glue"}, "directory is required"},
      {{"report", "glue", "x", "--json", "--markdown"}, "--json excludes --markdown"},
      {{"describe", "optimiser"}, "did you mean \"optimizer\"?"},
      {{"data", "tokenize", "x", "--vocab", "v", "--out", "o", "--mode", "best"}, "--mode"},
  };
  for (const auto& [arguments, message] : mistakes) {
    const ProgramResult result = here.run(arguments);
    INFO(joined(arguments) << "\n" << result.err);
    CHECK(result.exit_code == 2);
    CHECK(result.err.find("error: ") == 0);
    CHECK(result.err.find(message) != std::string::npos);
    CHECK(result.out.empty());
  }
}

TEST_CASE("bad input data exit with 3 and name the file", "[e2e][cli]") {
  const Workspace here;
  spit(here / "x.safetensors/state.json", "{");
  fs::create_directory(here / "empty");
  const std::vector<std::pair<Words, std::string>> mistakes = {
      {{"evaluate", "none"}, "none: expected the directory of a run or of a checkpoint"},
      {{"evaluate", "empty"}, "empty: no checkpoint in it"},
      {{"checkpoint", "show", "x.safetensors"}, "state.json: not valid JSON"},
      {{"data", "inspect", "none"}, "none"},
      {{"data", "tokenize", "none.txt", "--vocab", "v.txt", "--out", "o"}, "none.txt"},
      {{"report", "empty"}, "empty: expected the directory of a run"},
      {{"report", "glue", "empty"}, "empty: expected the directory of a GLUE protocol"},
      {{"data", "check-submission", "empty"}, "empty: no .tsv file in it"},
      {{"data", "check-submission", "CoLA.tsv"}, "CoLA.tsv"},
  };
  for (const auto& [arguments, message] : mistakes) {
    const ProgramResult result = here.run(arguments);
    INFO(joined(arguments) << "\n" << result.err);
    CHECK(result.exit_code == 3);
    CHECK(result.err.find("error: ") == 0);
    CHECK(result.err.find(message) != std::string::npos);
  }
}

TEST_CASE("output that cannot be written exits with 1", "[e2e][cli]") {
  const Workspace here;
  const ProgramResult result =
      here.run({"describe", "--json"}, {.file_size_limit = 10});  // stdout is a file here
  CHECK(result.exit_code == 1);
  CHECK(result.err.find("error: ") == 0);
}

TEST_CASE("plan counts the published sizes without touching data", "[e2e][cli]") {
  const Workspace here;
  const auto base = here.answer({"plan", config_path("mlm/orchid_bert_base.json"), "--json"});
  CHECK(base["parameters"] == 77207616);
  CHECK(base["steps"] == 70000);
  CHECK(base["tokens"] == 70000ll * 4096 * 128);
  std::int64_t sum = 0;
  for (const auto& tensor : base["tensors"]) sum += tensor["count"].get<std::int64_t>();
  CHECK(sum == 77207616);
  CHECK(base["flops_per_step"].get<double>() > 1e13);
  CHECK(base["memory"]["total"].get<double>() > 16.0 * 77207616);
  const auto large = here.answer({"plan", config_path("mlm/orchid_bert_large.json"), "--json"});
  CHECK(large["parameters"] == 253825344);
  const auto set = here.answer({"plan", config_path("mlm/orchid_bert_base.json"), "--set",
                                "schedule.steps=1", "--set", "batch.global=2", "--json"});
  CHECK(set["tokens"] == 256);
}

TEST_CASE("describe prints every key as text and as JSON", "[e2e][cli]") {
  const Workspace here;
  const auto json = here.answer({"describe", "--json"});
  std::set<std::string> keys;
  for (const auto& key : json["keys"]) keys.insert(key["key"]);
  for (const char* key :
       {"name", "extends", "batch.global", "model(bert).encoder.width", "optimizer.groups[].match"})
    CHECK(keys.count(key) == 1);
  const ProgramResult text = here.run({"describe", "schedule"});
  CHECK(text.out.find("schedule.warmup_fraction\n    number, default 0.06\n") != std::string::npos);
}

TEST_CASE("devices lists the CPU", "[e2e][cli]") {
  const Workspace here;
  const auto json = here.answer({"devices", "--json"});
  CHECK(json["devices"][0]["device"] == "cpu");
  CHECK(json["devices"][0]["processors"].get<int>() >= 1);
}

TEST_CASE("a trained model is evaluated, shown, verified and used", "[e2e][cli]") {
  const Workspace here;
  const auto summary = here.answer(here.train({"--json"}));
  const auto evaluated = here.answer({"evaluate", "runs/smoke_mlm", "--json"});
  CHECK(evaluated["valid_loss"] == summary["valid_loss"]);
  CHECK(evaluated["valid_accuracy"] == summary["valid_accuracy"]);
  CHECK(evaluated["valid_unigram_entropy"] == summary["valid_unigram_entropy"]);
  const auto few =
      here.answer({"evaluate", "runs/smoke_mlm", "--set", "evaluate_samples=5", "--json"});
  CHECK(few["samples"] == 5);

  const auto shown = here.answer({"checkpoint", "show", "runs/smoke_mlm", "--json"});
  CHECK(shown["step"] == 40);
  CHECK(shown["config"]["name"] == "smoke_mlm");
  CHECK(shown["tensors"].size() > 20);
  CHECK(here.answer({"checkpoint", "verify", "runs/smoke_mlm", "--json"})["valid"] == true);

  const Words fill = {"predict", "fill-mask", "runs/smoke_mlm", "--top", "3", "--json"};
  Words with_text = fill;
  with_text.push_back("the [MASK] sees a [MASK] .");
  const auto guesses = here.answer(with_text)["texts"][0];
  REQUIRE(guesses["masks"].size() == 2);
  REQUIRE(guesses["masks"][0].size() == 3);
  CHECK(guesses["masks"][0][0]["probability"] >= guesses["masks"][0][1]["probability"]);
  CHECK(guesses["filled"].get<std::string>().find("[MASK]") == std::string::npos);
  const ProgramResult piped = here.run(fill, {.input = "the [MASK]\n\na [MASK] runs\n"});
  REQUIRE(piped.exit_code == 0);
  CHECK(nlohmann::json::parse(piped.out)["texts"].size() == 2);
  CHECK(here.run({"predict", "fill-mask", "runs/smoke_mlm", "no gap"}).exit_code == 2);

  const Words embed = {"predict", "embed", "runs/smoke_mlm", "--json"};
  const auto vectors = here.run(embed, {.input = "the dog\na cat\n"});
  REQUIRE(vectors.exit_code == 0);
  const auto embedded = nlohmann::json::parse(vectors.out);
  REQUIRE(embedded["texts"].size() == 2);
  CHECK(embedded["texts"][1]["text"] == "a cat");
  CHECK(embedded["texts"][1]["embedding"].size() == embedded["dimension"]);
}

TEST_CASE("data of another vocabulary are refused", "[e2e][cli]") {
  const Workspace here;
  REQUIRE(here.run(here.train({"--set", "schedule.steps=2"})).exit_code == 0);
  spit(here / "other.txt", "some other words\n\nand more of other words\n\nand again\n");
  here.answer({"data", "vocab", "other.txt", "--size", "60", "--out", "v.txt", "--json"});
  here.answer({"data", "tokenize", "other.txt", "--vocab", "v.txt", "--out", "other", "--unit",
               "paragraph", "--json"});
  const ProgramResult evaluated =
      here.run({"evaluate", "runs/smoke_mlm", "--set", "data.valid=other"});
  CHECK(evaluated.exit_code == 3);
  CHECK(evaluated.err.find("trained with another vocabulary") != std::string::npos);
  const ProgramResult resumed =
      here.run(here.train({"--resume", "--set", "data.train=other", "--set", "data.valid=other"}));
  CHECK(resumed.exit_code == 3);
  CHECK(resumed.err.find("trained with another vocabulary") != std::string::npos);
}

TEST_CASE("a report is written again from the files of a run", "[e2e][cli]") {
  const Workspace here;
  REQUIRE(here.run(here.train({"--set", "description=a <b> & \"c\""})).exit_code == 0);
  fs::remove(here / "runs/smoke_mlm/report.html");
  CHECK(here.answer({"report", "runs/smoke_mlm", "--json"})["report"] ==
        "runs/smoke_mlm/report.html");
  const std::string page = slurp(here / "runs/smoke_mlm/report.html");
  CHECK(page.find("polyline class=\"curve curve-0\"") != std::string::npos);
  CHECK(page.find("a &lt;b&gt; &amp; ") != std::string::npos);
  CHECK(page.find("http") == std::string::npos);  // nothing is loaded from elsewhere
}

TEST_CASE("damaged metrics are reported with their line", "[e2e][cli]") {
  const Workspace here;
  REQUIRE(here.run(here.train({"--set", "schedule.steps=5"})).exit_code == 0);
  spit(here / "runs/smoke_mlm/metrics.jsonl", "{\"step\":1,\"split\":\"train\"}\n{\"step\":\n");
  const ProgramResult result = here.run({"report", "runs/smoke_mlm"});
  CHECK(result.exit_code == 3);
  CHECK(result.err.find("metrics.jsonl: line 2") != std::string::npos);
}

TEST_CASE("every configuration in configs/ is valid", "[e2e][cli]") {
  const Workspace here;
  int count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(config_path(""))) {
    const bool runnable =
        entry.path().extension() == ".json" && entry.path().parent_path().filename() != "base";
    if (!runnable) continue;
    ++count;
    INFO(entry.path());
    CHECK(here.answer({"plan", entry.path().string(), "--json"})["parameters"].get<double>() > 0);
  }
  CHECK(count >= 5);
}
