#include "tests/e2e/glue_workspace.h"

#include <algorithm>
#include <fstream>

#include "kernels/core/error.h"
#include "kernels/core/philox.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"

namespace orchid::test {
namespace {

namespace fs = std::filesystem;

/// Words of the workspace's text, drawn for a row of a file.
class Sentences {
 public:
  explicit Sentences(std::uint64_t seed) : philox_(seed, RandomPurpose::test) {}

  std::string next() {
    constexpr const char* kWords[] = {"the", "a",   "cat", "dog",  "bird", "sees",
                                      "red", "old", "and", "runs", "sings"};
    std::string text;
    const auto words = philox_.words(1, row_++);
    for (const std::uint32_t word : words)
      text += str(text.empty() ? "" : " ", kWords[Philox::below(std::size(kWords), word)]);
    return text + " .";
  }
  std::uint32_t below(std::uint32_t limit) {
    return Philox::below(limit, philox_.words(2, row_++)[0]);
  }

 private:
  Philox philox_;
  std::uint64_t row_ = 0;
};

const std::string kMnli =
    "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\t"
    "sentence1_parse\tsentence2_parse\tsentence1\tsentence2";
const std::string kStsb =
    "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2";

std::string cells(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "\tx";
  return text;
}

/// A file of `rows` rows, each what `row` makes of its number.
template <class Row>
void write_rows(const fs::path& file, const std::string& header, int rows, Row row) {
  std::string text = header.empty() ? "" : header + "\n";
  for (int i = 0; i < rows; ++i) text += row(i) + "\n";
  spit(file, text);
}

void write_mnli(const fs::path& folder) {
  constexpr const char* kLabels[] = {"entailment", "neutral", "contradiction"};
  Sentences sentences(1);
  const auto pair = [&](int i) {
    return str(i, cells(7), "\t", sentences.next(), "\t", sentences.next());
  };
  const auto labelled = [&](int labels) {
    return
        [&, labels](int i) { return pair(i) + cells(labels) + "\t" + kLabels[sentences.below(3)]; };
  };
  write_rows(folder / "train.tsv", kMnli + "\tlabel1\tgold_label", 48, labelled(1));
  const std::string dev = kMnli + "\tlabel1\tlabel2\tlabel3\tlabel4\tlabel5\tgold_label";
  write_rows(folder / "dev_matched.tsv", dev, 20, labelled(5));
  write_rows(folder / "dev_mismatched.tsv", dev, 20, labelled(5));
  write_rows(folder / "test_matched.tsv", kMnli, 9, pair);
  write_rows(folder / "test_mismatched.tsv", kMnli, 7, pair);
}

void write_rte(const fs::path& folder) {
  Sentences sentences(2);
  const std::string header = "index\tsentence1\tsentence2";
  const auto pair = [&](int i) { return str(i, "\t", sentences.next(), "\t", sentences.next()); };
  const auto labelled = [&](int i) {
    return pair(i) + (sentences.below(2) == 0 ? "\tentailment" : "\tnot_entailment");
  };
  write_rows(folder / "train.tsv", header + "\tlabel", 40, labelled);
  write_rows(folder / "dev.tsv", header + "\tlabel", 20, labelled);
  write_rows(folder / "test.tsv", header, 6, pair);
}

void write_mrpc(const fs::path& folder) {
  Sentences sentences(3);
  const auto pair = [&](const std::string& first) {
    return str(first, "\t1\t2\t", sentences.next(), "\t", sentences.next());
  };
  const auto labelled = [&](int) { return pair(str(sentences.below(2))); };
  const std::string rest = "\t#1 ID\t#2 ID\t#1 String\t#2 String";
  write_rows(folder / "train.tsv", "Quality" + rest, 40, labelled);
  write_rows(folder / "dev.tsv", "Quality" + rest, 20, labelled);
  write_rows(folder / "test.tsv", "index" + rest, 5, [&](int i) { return pair(str(i)); });
}

void write_stsb(const fs::path& folder) {
  Sentences sentences(4);
  const auto pair = [&](int i) {
    return str(i, cells(6), "\t", sentences.next(), "\t", sentences.next());
  };
  const auto labelled = [&](int i) {
    return str(pair(i), "\t", sentences.below(5), ".", sentences.below(10), "00");
  };
  write_rows(folder / "train.tsv", kStsb + "\tscore", 40, labelled);
  write_rows(folder / "dev.tsv", kStsb + "\tscore", 20, labelled);
  write_rows(folder / "test.tsv", kStsb, 8, pair);
}

void write_cola(const fs::path& folder) {
  Sentences sentences(5);
  const auto labelled = [&](int) {
    const std::uint32_t label = sentences.below(2);
    return str("gj04\t", label, label == 0 ? "\t*\t" : "\t\t", sentences.next());
  };
  write_rows(folder / "train.tsv", "", 40, labelled);
  write_rows(folder / "dev.tsv", "", 20, labelled);
  write_rows(folder / "test.tsv", "index\tsentence", 7,
             [&](int i) { return str(i, "\t", sentences.next()); });
}

/// Data, model and configuration, made once for all tests of this process.
const fs::path& prepared() {
  static const Workspace workspace;
  static const bool made = [] {
    const fs::path& root = workspace.path();
    write_mnli(root / "glue/MNLI");
    write_rte(root / "glue/RTE");
    write_mrpc(root / "glue/MRPC");
    write_stsb(root / "glue/STS-B");
    write_cola(root / "glue/CoLA");
    workspace.answer(workspace.train({"--run-dir", "pretrained", "--json"}));
    return true;
  }();
  REQUIRE(made);
  return workspace.path();
}

nlohmann::json protocol_config(int epochs) {
  const auto recipe = [&](const char* pooling) {
    return nlohmann::json{{"epochs", epochs},
                          {"batch", 8},
                          {"learning_rate", 2e-3},
                          {"pooling", pooling},
                          {"evaluate_every", epochs + 2},
                          {"seeds", {1, 2}}};
  };
  nlohmann::json mnli = recipe("first");
  mnli["seeds"] = {1};
  auto model = nlohmann::json::parse(slurp(config_path("smoke/mlm.json")))["model"];
  model["type"] = "bert";
  return {{"extends", config_path("base/glue.json")},
          {"name", "tiny_glue"},
          {"threads", 1},
          {"model", model},
          {"init", {{"checkpoint", "pretrained"}}},
          {"data", {{"directory", "glue"}, {"length", 16}, {"threads", 0}}},
          {"checkpoint", {{"every", epochs}}},
          {"log_every", 3},
          {"glue",
           {{"recipes",
             {{"mnli", mnli},
              {"cola", recipe("mean")},
              {"rte", recipe("first")},
              {"mrpc", recipe("mean")},
              {"stsb", recipe("first")}}}}}};
}

}  // namespace

GlueWorkspace::GlueWorkspace(int epochs) {
  for (const char* name : {"glue", "pretrained"})
    fs::copy(prepared() / name, path() / name, fs::copy_options::recursive);
  spit(path() / "glue.json", protocol_config(epochs).dump(2));
}

GlueWorkspace::Words GlueWorkspace::protocol(const std::string& out, const Words& more) const {
  Words words = {"glue", "glue.json", "--run-dir", out};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::vector<std::string> begun_runs(const fs::path& protocol) {
  std::vector<std::string> runs;
  for (const auto& task : fs::directory_iterator(protocol))
    if (task.is_directory())
      for (const auto& run : fs::directory_iterator(task))
        if (fs::exists(run.path() / "config.json"))
          runs.push_back(run.path().lexically_relative(protocol).string());
  std::sort(runs.begin(), runs.end());
  return runs;
}

std::string state_of(const fs::path& run) {
  if (!fs::exists(run / "summary.json")) return "";
  return nlohmann::json::parse(slurp(run / "summary.json"))["state"];
}

fs::path last_checkpoint(const fs::path& run) {
  fs::path last;
  if (fs::exists(run / "checkpoints"))
    for (const auto& entry : fs::directory_iterator(run / "checkpoints"))
      if (entry.path().filename().string().starts_with("step-") && last < entry.path())
        last = entry.path();
  return last;
}

nlohmann::json task_of(const nlohmann::json& results, const std::string& task) {
  for (const auto& one : results["tasks"])
    if (one["task"] == task) return one;
  FAIL("no results of " << task);
  return {};
}

nlohmann::json results_without_times(const fs::path& protocol) {
  auto results = nlohmann::json::parse(slurp(protocol / "results.json"));
  for (auto& task : results["tasks"])
    for (auto& run : task["runs"]) {
      run.erase("seconds");
      run.erase("directory");
    }
  return results;
}

void check_same_protocol(const fs::path& a, const fs::path& b) {
  CHECK(results_without_times(a) == results_without_times(b));
  const std::vector<std::string> runs = begun_runs(a);
  REQUIRE(runs == begun_runs(b));
  for (const std::string& run : runs) {
    INFO(run);
    const fs::path one = last_checkpoint(a / run), other = last_checkpoint(b / run);
    CHECK(one.filename() == other.filename());
    for (const char* file : {"model.safetensors", "optimizer.safetensors"})
      CHECK((slurp(one / file) == slurp(other / file)));
    CHECK(metrics_without_times(a / run / "metrics.jsonl") ==
          metrics_without_times(b / run / "metrics.jsonl"));
  }
  REQUIRE(fs::exists(a / "submission"));
  for (const auto& entry : fs::directory_iterator(a / "submission")) {
    INFO(entry.path().filename());
    CHECK(slurp(entry.path()) == slurp(b / "submission" / entry.path().filename()));
  }
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "stat");
    std::string line;
    if (!std::getline(file, line)) continue;
    // "123 (name) S 1 ...": state and parent follow the name, which may hold anything.
    std::istringstream rest(line.substr(line.rfind(')') + 1));
    char state = 0;
    pid_t of = 0;
    if (rest >> state >> of && of == parent && state != 'Z')
      found.push_back(std::stoi(entry.path().filename()));
  }
  return found;
}

}  // namespace orchid::test
