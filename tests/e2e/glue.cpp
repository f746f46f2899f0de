#include <cstring>

#include "tests/e2e/glue_workspace.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"

using namespace orchid::test;
namespace fs = std::filesystem;

namespace {

using Words = std::vector<std::string>;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Bytes of the tensors of a safetensors file by name.
std::map<std::string, std::string> tensors_of(const fs::path& file) {
  const std::string bytes = slurp(file);
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  std::map<std::string, std::string> tensors;
  const auto header = nlohmann::json::parse(bytes.substr(8, length));
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    const std::size_t begin = entry["data_offsets"][0], end = entry["data_offsets"][1];
    tensors[name] = bytes.substr(8 + length + begin, end - begin);
  }
  return tensors;
}

std::map<std::string, std::string> weights_of(const fs::path& run) {
  return tensors_of(last_checkpoint(run) / "model.safetensors");
}

}  // namespace

TEST_CASE("glue runs the protocol and writes its results", "[e2e][glue]") {
  const GlueWorkspace here;
  const ProgramResult run = here.run(here.protocol("out", {"--json"}));
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  const auto results = nlohmann::json::parse(run.out);
  CHECK(results["name"] == "tiny_glue");
  CHECK(results["average"]["name"] == "mean of 5 tasks");
  CHECK(results["notes"].empty());
  REQUIRE(results["tasks"].size() == 5);
  const std::map<std::string, Words> figures = {{"mnli", {"accuracy", "mismatched_accuracy"}},
                                                {"rte", {"accuracy"}},
                                                {"mrpc", {"accuracy", "f1"}},
                                                {"stsb", {"pearson", "spearman"}},
                                                {"cola", {"matthews"}}};
  double sum = 0;
  for (const auto& [name, names] : figures) {
    INFO(name);
    const auto task = task_of(results, name);
    const bool second = name == "rte" || name == "mrpc" || name == "stsb";
    REQUIRE(task["runs"].size() == (name == "mnli" ? 1 : 2));
    CHECK(task["marked"] == false);
    for (const auto& one : task["runs"]) {
      CHECK(one["completed"] == true);
      CHECK(one["start"] == (second ? "mnli" : "pretrained"));
      CHECK(one["round"] == (second ? 2 : 1));
      CHECK(one["steps"] == (name == "mnli" ? 30 : 25));
      for (const std::string& figure : names) CHECK(one["metrics"][figure].is_number());
    }
    sum += task["paper"]["mean"].get<double>();
  }
  CHECK(results["average"]["paper"].get<double>() == Approx(sum / 5));

  const fs::path out = here / "out";
  CHECK(nlohmann::json::parse(slurp(out / "results.json")) == results);
  CHECK(nlohmann::json::parse(slurp(out / "glue.json"))["runs"].size() == 9);
  CHECK(has(slurp(out / "results.md"), "| STS-B |"));
  const std::string page = slurp(out / "report.html");
  CHECK(has(page, "<h2>CoLA</h2>"));
  CHECK(has(page, "polyline class=\"curve curve-1\""));  // the second seed
  CHECK_FALSE(has(page, "http"));
  CHECK(has(run.err, "9 of 9 runs\n"));
  for (const fs::path& run_of : {out / "cola/seed-1", out / "rte/seed-2"})
    CHECK(fs::exists(run_of / "report.html"));
}

TEST_CASE("glue predicts the test sets that are there", "[e2e][glue]") {
  const GlueWorkspace here;
  const ProgramResult run = here.run(here.protocol("out"));
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  const fs::path folder = here / "out/submission";
  const std::map<std::string, std::size_t> rows = {{"MNLI-m.tsv", 9}, {"MNLI-mm.tsv", 7},
                                                   {"RTE.tsv", 6},    {"MRPC.tsv", 5},
                                                   {"STS-B.tsv", 8},  {"CoLA.tsv", 7}};
  for (const auto& [file, count] : rows) {
    INFO(file);
    const std::string text = slurp(folder / file);
    CHECK(text.starts_with("index\tprediction\n0\t"));
    CHECK(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) == count + 1);
  }
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(folder))
    files += entry.path().extension() == ".tsv";
  CHECK(files == rows.size());
  CHECK(has(run.err, "AX.tsv was not written: "));  // there is no such folder
  CHECK(has(run.err, "predicting the test sets\n"));

  // The leaderboard would mind that rows are missing, and nothing else.
  const ProgramResult check = here.run({"data", "check-submission", "out/submission", "--json"});
  CHECK(check.exit_code == 3);
  const auto checked = nlohmann::json::parse(check.out);
  CHECK(checked["valid"] == false);
  CHECK(checked["files"].size() == rows.size());
  for (const auto& one : checked["files"]) {
    REQUIRE(one["faults"].size() == 1);
    CHECK(has(one["faults"][0], " rows, got "));
  }

  // What comes from the same weights is left; other weights are predicted with again.
  spit(folder / "CoLA.tsv", "mine");
  fs::remove(folder / "RTE.tsv");
  REQUIRE(here.run(here.protocol("out")).exit_code == 0);
  CHECK(slurp(folder / "CoLA.tsv") == "mine");
  CHECK(fs::exists(folder / "RTE.tsv"));
  fs::remove_all(here / "out/cola");
  REQUIRE(
      here.run(here.protocol("out", {"--set", "glue.recipes.cola.learning_rate=1e-3"})).exit_code ==
      0);
  CHECK(slurp(folder / "CoLA.tsv").starts_with("index\tprediction\n"));
}

TEST_CASE("glue's second round has MNLI's final weights and a classifier of its own",
          "[e2e][glue]") {
  const GlueWorkspace here;
  // At rates of 0 a run ends with the weights it began with.
  const ProgramResult run = here.run(here.protocol(
      "out", {"--set", "glue.tasks=mnli,rte", "--set", "glue.recipes.rte.learning_rate=0", "--set",
              "glue.recipes.rte.weight_decay=0", "--set", "checkpoint.keep=3", "--set",
              "glue.submission=false"}));
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  CHECK_FALSE(fs::exists(here / "out/submission"));
  const auto mnli = weights_of(here / "out/mnli/seed-1");
  const auto pretrained = weights_of(here / "pretrained");
  std::vector<std::map<std::string, std::string>> seeds;
  for (const char* seed : {"seed-1", "seed-2"}) {
    seeds.push_back(weights_of(here / ("out/rte/" + std::string(seed))));
    std::size_t of_mnli = 0, of_pretrained = 0;
    for (const auto& [name, bytes] : seeds.back()) {
      INFO(name);
      REQUIRE(mnli.contains(name));
      if (name.find("classifier") != std::string::npos) {
        CHECK(bytes.size() != mnli.at(name).size());  // 2 classes
        continue;
      }
      CHECK((bytes == mnli.at(name)));
      ++of_mnli;
      of_pretrained += pretrained.contains(name) && pretrained.at(name) == bytes;
    }
    CHECK(of_mnli > 20);
    CHECK(of_pretrained < of_mnli / 2);
  }
  std::size_t different = 0;
  for (const auto& [name, bytes] : seeds[0]) different += seeds[1].at(name) != bytes;
  CHECK(different == 1);  // the classifier's weight; its bias begins at 0
  const auto config = nlohmann::json::parse(slurp(here / "out/rte/seed-2/config.json"));
  CHECK(config["init"]["checkpoint"] == "out/mnli/seed-1");
}

TEST_CASE("results are written again from the runs", "[e2e][glue]") {
  const GlueWorkspace here;
  const Words command = here.protocol("out", {"--set", "glue.tasks=cola", "--json"});
  const auto results = here.answer(command);
  const std::vector<std::string> files = {"results.json", "results.md", "report.html"};
  std::vector<std::string> before;
  for (const std::string& file : files) before.push_back(slurp(here / ("out/" + file)));
  for (const Words& verb : {Words{"report", "glue", "out"}, Words{"report", "out"}}) {
    for (const std::string& file : files) fs::remove(here / ("out/" + file));
    const ProgramResult text = here.run(verb);
    INFO(text.err);
    REQUIRE(text.exit_code == 0);
    CHECK(has(text.out, "tiny_glue: GLUE, dev sets"));
    CHECK(has(text.out, "out/report.html\n"));
    for (std::size_t i = 0; i < files.size(); ++i)
      CHECK(slurp(here / ("out/" + files[i])) == before[i]);
    Words json = verb;
    json.push_back("--json");
    CHECK(here.answer(json) == results);
  }
  const ProgramResult markdown = here.run({"report", "glue", "out", "--markdown"});
  CHECK(markdown.out == before[1]);
  CHECK(here.run({"report", "out/cola/seed-1"}).out == "out/cola/seed-1/report.html\n");
}

TEST_CASE("files for the leaderboard are checked", "[e2e][glue]") {
  const Workspace here;
  std::string text = "index\tprediction\n";
  for (int i = 0; i < 146; ++i) text += std::to_string(i) + "\t" + std::to_string(i % 2) + "\n";
  spit(here / "WNLI.tsv", text);
  const ProgramResult good = here.run({"data", "check-submission", "WNLI.tsv"});
  CHECK(good.exit_code == 0);
  CHECK(good.out == "WNLI.tsv: ok\n");
  CHECK(here.answer({"data", "check-submission", "WNLI.tsv", "--json"})["valid"] == true);
  spit(here / "CoLA.tsv", "index\tprediction\n0\tyes\n");
  const ProgramResult bad = here.run({"data", "check-submission", "."});
  CHECK(bad.exit_code == 3);
  CHECK(bad.out ==
        "./CoLA.tsv: line 2: expected 0 or 1, got \"yes\"\n"
        "./CoLA.tsv: expected 1063 rows, got 1\n./WNLI.tsv: ok\n");
}

TEST_CASE("glue --from takes model and weights of a run", "[e2e][glue]") {
  const GlueWorkspace here;
  auto config = nlohmann::json::parse(slurp(here / "glue.json"));
  config["model"]["encoder"]["width"] = 64;  // not that of the checkpoint
  config["init"].erase("checkpoint");
  spit(here / "other.json", config.dump());
  const Words command = {"glue",  "other.json",   "--set", "glue.tasks=cola",
                         "--set", "glue.seeds=3", "--json"};
  Words from = command;
  from.insert(from.end(), {"--run-dir", "from", "--from", "pretrained"});
  const auto results = here.answer(from);
  CHECK(results["tasks"][0]["runs"][0]["start"] == "pretrained");
  CHECK(results["tasks"][0]["runs"][0]["seed"] == 3);
  const ProgramResult none = here.run(command);
  CHECK(none.exit_code == 2);
  CHECK(has(none.err, "data.vocabulary: required without a checkpoint to take it from"));
}

TEST_CASE("glue without MNLI says so and marks the tasks", "[e2e][glue]") {
  const GlueWorkspace here;
  fs::remove_all(here / "glue/MNLI");
  const auto results = here.answer(
      here.protocol("out", {"--json", "--set", "glue.seeds=1", "--set", "glue.recipes.rte.epochs=1",
                            "--set", "glue.recipes.cola.epochs=1", "--set",
                            "glue.recipes.mrpc.epochs=1", "--set", "glue.recipes.stsb.epochs=1"}));
  CHECK(results["tasks"].size() == 4);
  for (const auto& task : results["tasks"]) CHECK(task["marked"] == (task["task"] != "cola"));
  REQUIRE(results["notes"].size() == 2);
  CHECK(results["notes"][0] == "mnli: no data, left out");
  CHECK(has(slurp(here / "out/results.md"), "did not start from the weights of MNLI"));
}

TEST_CASE("glue refuses bad input before any work", "[e2e][glue]") {
  const GlueWorkspace here;
  spit(here / "plain.json", R"({"extends": ")" + config_path("smoke/mlm.json") + "\"}");
  spit(here / "taken/thesis.txt", "mine");
  spit(here / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\n");
  fs::create_directory(here / "nothing");
  std::string damaged = slurp(here / "pretrained/checkpoints/step-00000040/model.safetensors");
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  fs::copy(here / "pretrained", here / "damaged", fs::copy_options::recursive);
  spit(here / "damaged/checkpoints/step-00000040/model.safetensors", damaged);
  struct Case {
    Words more;
    int exit_code;
    std::string message;
  };
  const std::vector<Case> cases = {
      {{"--set", "data.directory=nowhere"}, 3, "data.directory: nowhere: no such directory"},
      {{"--set", "data.directory=nothing"}, 3, "glue: no task to run"},
      {{"--set", "data.directory=nothing", "--set", "glue.tasks=rte"},
       3,
       "glue.tasks: rte: no data in nothing/RTE"},
      {{"--from", "nowhere"}, 3, "nowhere: expected the directory of a run"},
      {{"--set", "init.checkpoint=nowhere"}, 3, "init.checkpoint: nowhere: expected the directory"},
      {{"--set", "init.checkpoint=damaged"}, 3, "model.safetensors: damaged"},
      {{"--set", "data.vocabulary=vocab.txt"},
       3,
       "data.vocabulary: vocab.txt: not the vocabulary that the checkpoint was trained with"},
      {{"--set", "model.encoder.width=32"}, 3, "init.checkpoint: "},
      {{"--set", "glue.tasks=sst2"}, 2, "glue.tasks: sst2 has no recipe"},
      {{"--set", "glue.tasks=colla"}, 2, "glue.tasks"},
      {{"--set", "glue.recipes.cola.epochs=0"}, 2, "glue.recipes.cola.epochs"},
      {{"--set", "precision=bf16"}, 2, "precision: bf16 needs a GPU"},
      {{"--device", "tpu"}, 2, "device: expected auto | cpu"},
      {{"--set", "data.length=17"}, 2, "data.length: expected at most model.length = 16"},
      {{"--run-dir", "taken"}, 2, "taken: expected the results of `orchid glue` or an empty"},
  };
  for (const Case& expected : cases) {
    const bool own = expected.more[0] == "--run-dir";
    Words words = own ? Words{"glue", "glue.json"} : here.protocol("out");
    words.insert(words.end(), expected.more.begin(), expected.more.end());
    const ProgramResult result = here.run(words);
    INFO(expected.message << "\n" << result.err);
    CHECK(result.exit_code == expected.exit_code);
    CHECK(has(result.err, "error: "));
    CHECK(has(result.err, expected.message));
    CHECK_FALSE(fs::exists(here / "out"));
  }
  const ProgramResult plain = here.run({"glue", "plain.json"});
  CHECK(plain.exit_code == 2);
  CHECK(has(plain.err, "plain.json: glue: required, and missing; see configs/glue"));
  CHECK(slurp(here / "taken/thesis.txt") == "mine");

  spit(here / "out/cola/seed-1/thesis.txt", "mine");
  spit(here / "out/glue.json", "{}");
  const ProgramResult mine = here.run(here.protocol("out"));
  CHECK(mine.exit_code == 2);
  CHECK(has(mine.err, "out/cola/seed-1: expected a run or an empty directory"));
}

TEST_CASE("glue names file and line of a damaged row", "[e2e][glue]") {
  const GlueWorkspace here;
  const fs::path file = here / "glue/RTE/dev.tsv";
  std::string text = slurp(file);
  text.replace(text.find("\n3\t") + 2, 1, "");  // the row of index 3 loses a column
  spit(file, text);
  const ProgramResult result = here.run(here.protocol("out"));
  INFO(result.err);
  CHECK(result.exit_code == 3);
  CHECK(has(result.err, "glue/RTE/dev.tsv: line 5"));
  CHECK_FALSE(fs::exists(here / "out"));
}
