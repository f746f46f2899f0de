#include "tests/e2e/workspace.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"

using namespace orchid::test;
namespace fs = std::filesystem;

namespace {

std::vector<nlohmann::json> metrics_of(const fs::path& run) {
  std::istringstream lines(slurp(run / "metrics.jsonl"));
  std::vector<nlohmann::json> found;
  for (std::string line; std::getline(lines, line);) found.push_back(nlohmann::json::parse(line));
  return found;
}

}  // namespace

TEST_CASE("train writes every file of a run and learns", "[e2e][train]") {
  const Workspace here;
  const nlohmann::json summary = here.answer(here.train({"--json"}));
  CHECK(summary["state"] == "completed");
  CHECK(summary["step"] == 40);
  CHECK(summary["samples"] == 320);
  CHECK(summary["valid_loss"].get<double>() < std::log(128) - 0.5);  // below chance over 128 rows
  CHECK(summary["valid_unigram_entropy"].get<double>() > 2);
  CHECK(summary["valid_unigram_entropy"].get<double>() < std::log(27));

  const fs::path run = here / "runs/smoke_mlm";
  CHECK(nlohmann::json::parse(slurp(run / "summary.json")) == summary);
  CHECK(nlohmann::json::parse(slurp(run / "config.json"))["batch"]["global"] == 8);
  CHECK(slurp(run / "report.html").find("<svg") != std::string::npos);
  CHECK(fs::exists(run / "checkpoints/step-00000030/state.json"));
  CHECK(fs::exists(run / "checkpoints/step-00000040/state.json"));
  CHECK(!fs::exists(run / "checkpoints/step-00000020"));  // keep 2
  CHECK(!fs::is_empty(run / "tensorboard"));
}

TEST_CASE("metrics.jsonl has a line for each log step and evaluation", "[e2e][train]") {
  const Workspace here;
  REQUIRE(here.run(here.train()).exit_code == 0);
  const auto lines = metrics_of(here / "runs/smoke_mlm");
  REQUIRE(lines.size() == 10);  // 8 of training, 2 of evaluation
  for (const nlohmann::json& line : lines)
    for (const char* key :
         {"step", "split", "loss", "accuracy", "samples", "tokens", "tokens_per_s", "elapsed_s"})
      CHECK(line.contains(key));
  for (const char* key : {"learning_rate", "grad_norm", "data_wait_s"})
    CHECK(lines[0].contains(key));
  CHECK(lines[0]["step"] == 5);
  CHECK(lines[0]["samples"] == 40);
  CHECK(lines[4]["split"] == "valid");
  CHECK(lines[9]["split"] == "valid");
  CHECK(lines[9]["loss"].get<double>() < lines[4]["loss"].get<double>());
}

TEST_CASE("a run is never overwritten", "[e2e][train]") {
  const Workspace here;
  REQUIRE(here.run(here.train({"--set", "schedule.steps=2"})).exit_code == 0);
  const std::string before = slurp(here / "runs/smoke_mlm/metrics.jsonl");
  const ProgramResult again = here.run(here.train());
  CHECK(again.exit_code == 2);
  CHECK(again.err.find("a run is there already; go on with it by --resume") != std::string::npos);
  CHECK(slurp(here / "runs/smoke_mlm/metrics.jsonl") == before);

  spit(here / "other/file", "mine");
  const ProgramResult other = here.run(here.train({"--run-dir", "other"}));
  CHECK(other.exit_code == 2);
  CHECK(other.err.find("expected a run or an empty directory") != std::string::npos);
  CHECK(std::distance(fs::directory_iterator(here / "other"), fs::directory_iterator{}) == 1);
}

TEST_CASE("a dry run writes nothing", "[e2e][train]") {
  const Workspace here;
  const nlohmann::json summary = here.answer(here.train({"--dry-run", "3", "--json"}));
  CHECK(summary["step"] == 3);
  CHECK(summary["state"] == "completed");
  CHECK(!fs::exists(here / "runs"));
}

TEST_CASE("a run that cannot start leaves nothing behind", "[e2e][train]") {
  const Workspace here;
  const ProgramResult missing = here.run(here.train({"--set", "data.train=nowhere"}));
  CHECK(missing.exit_code == 3);
  CHECK(missing.err.find("data.train") != std::string::npos);
  CHECK(missing.err.find("nowhere") != std::string::npos);
  const ProgramResult narrow = here.run(here.train({"--set", "model.vocabulary=16"}));
  CHECK(narrow.exit_code == 2);
  CHECK(narrow.err.find("model.vocabulary: expected at least") != std::string::npos);
  const ProgramResult bf16 = here.run(here.train({"--set", "precision=bf16"}));
  CHECK(bf16.exit_code == 2);
  CHECK(bf16.err.find("precision: bf16 needs a GPU; the CPU computes in float32") !=
        std::string::npos);
  CHECK(!fs::exists(here / "runs"));
}

TEST_CASE("gradient accumulation gives the gradient of the whole batch", "[e2e][train]") {
  // Without dropout, whose masks belong to a micro-batch, only rounding can differ.
  const Workspace here;
  const auto loss_of = [&](const std::string& name, const std::string& per_device) {
    const nlohmann::json summary = here.answer(
        here.train({"--json", "--set", "name=" + name, "--set", "batch.per_device=" + per_device,
                    "--set", "model.dropout=0", "--set", "model.encoder.dropout=0"}));
    return summary["valid_loss"].get<double>();
  };
  const double whole = loss_of("whole", "8");
  CHECK(loss_of("parts", "3") == Approx(whole).epsilon(1e-4));
}

TEST_CASE("the numbers of a run do not depend on loader threads", "[e2e][train]") {
  const Workspace here;
  REQUIRE(here.run(here.train({"--set", "name=a", "--set", "data.threads=0"})).exit_code == 0);
  REQUIRE(here.run(here.train({"--set", "name=b", "--set", "data.threads=3"})).exit_code == 0);
  CHECK(slurp(here / "runs/a/checkpoints/step-00000040/model.safetensors") ==
        slurp(here / "runs/b/checkpoints/step-00000040/model.safetensors"));
}

TEST_CASE("steps that are not finite are skipped, and three in a row end the run", "[e2e][train]") {
  const Workspace here;
  const ProgramResult result = here.run(here.train(
      {"--set", "optimizer.learning_rate=1e30", "--set", "schedule.warmup_fraction=0", "--json"}));
  INFO(result.err);
  CHECK(result.exit_code == 1);
  CHECK(result.err.find("the step is skipped") != std::string::npos);
  CHECK(result.err.find("not finite for the 3rd time in a row") != std::string::npos);
  const auto summary = nlohmann::json::parse(slurp(here / "runs/smoke_mlm/summary.json"));
  CHECK(summary["state"] == "failed");
  CHECK(summary["skipped_steps"] == 3);
  CHECK(here.run(here.train({"--set", "name=strict", "--set", "optimizer.learning_rate=1e30",
                             "--set", "schedule.warmup_fraction=0", "--set", "nonfinite=stop"}))
            .err.find("the step is skipped") == std::string::npos);
}

TEST_CASE("a full disk ends the run with a clear error and keeps earlier checkpoints",
          "[e2e][train]") {
  const Workspace here;
  REQUIRE(here.run(here.train({"--set", "schedule.steps=10"})).exit_code == 0);
  const ProgramResult full = here.run(here.train({"--resume"}), {.file_size_limit = 60000});
  INFO(full.err);
  CHECK(full.exit_code == 1);
  CHECK(full.err.find("saving checkpoint") != std::string::npos);
  CHECK(full.err.find("the earlier checkpoints are intact") != std::string::npos);
  CHECK(here.run({"checkpoint", "verify", "runs/smoke_mlm"}).exit_code == 0);
  const nlohmann::json summary = here.answer(here.train({"--resume", "--json"}));
  CHECK(summary["state"] == "completed");
  CHECK(summary["step"] == 40);
}

TEST_CASE("the trace accounts for the time of the steps", "[e2e][train]") {
  const Workspace here;
  const ProgramResult result =
      here.run(here.train({"--dry-run", "3", "--json"}), {.environment = "ORCHID_TRACE=1"});
  REQUIRE(result.exit_code == 0);
  const auto trace = nlohmann::json::parse(result.out)["trace"];
  double sum = 0;
  for (const auto& op : trace["ops"]) sum += op["seconds"].get<double>();
  const double steps = trace["step_seconds"];
  CHECK(sum > 0);
  CHECK(sum <= steps);
  CHECK(trace["outside_ops_share"].get<double>() == Approx(1 - sum / steps));
}
