#include <csignal>
#include <cstdlib>

#include "tests/e2e/workspace.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"

using namespace orchid::test;
namespace fs = std::filesystem;

namespace {

using Words = std::vector<std::string>;

bool mpirun_is_there() {
  if (std::system("command -v mpirun >/dev/null") == 0) return true;
  WARN("SKIPPED: ranks as processes: mpirun is not installed");
  return false;
}

/// A run in four micro-batches a step, summed in pairs: the same bits for 1, 2 and 4 ranks.
Words run_of(const Workspace& here, const std::string& name, int steps, int ranks,
             const Words& more = {}) {
  Words words =
      here.train({"--set", "name=" + name, "--set", "schedule.steps=" + std::to_string(steps),
                  "--set", "batch.global=16", "--set", "batch.per_device=4", "--set",
                  "checkpoint.every=20", "--set", "log_every=1", "--set", "evaluate_every=20",
                  "--set", "parallel.reduction=fixed", "--set", "threads=1"});
  if (ranks > 1) words.insert(words.end(), {"--ranks", std::to_string(ranks)});
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::string weights(const Workspace& here, const std::string& name, const std::string& step) {
  return slurp(here / ("runs/" + name + "/checkpoints/step-" + step + "/model.safetensors"));
}

nlohmann::json summary(const Workspace& here, const std::string& name) {
  return nlohmann::json::parse(slurp(here / ("runs/" + name + "/summary.json")));
}

}  // namespace

TEST_CASE("ranks of MPI train to the bytes of one process, and go on in other numbers",
          "[e2e][ranks]") {
  if (!mpirun_is_there()) return;
  const Workspace here;
  REQUIRE(here.run(run_of(here, "one", 400, 1)).exit_code == 0);
  const std::string expected = weights(here, "one", "00000400");

  const ProgramResult two = here.run(run_of(here, "two", 400, 2));
  INFO(two.err);
  REQUIRE(two.exit_code == 0);
  CHECK(weights(here, "two", "00000400") == expected);
  CHECK(here.run({"checkpoint", "verify", "runs/two"}).exit_code == 0);

  // 4 ranks, stopped by a signal; then 2 to the end.
  Program program(here.path(), run_of(here, "four", 400, 4));
  REQUIRE(
      program.wait_for([&] { return fs::exists(here / "runs/four/checkpoints/step-00000020"); }));
  program.send(SIGTERM);
  const ProgramResult stopped = program.wait();
  INFO(stopped.err);
  CHECK(stopped.exit_code == 0);
  CHECK(summary(here, "four")["state"] == "preempted");
  const ProgramResult rest = here.run(run_of(here, "four", 400, 2, {"--resume"}));
  INFO(rest.err);
  REQUIRE(rest.exit_code == 0);
  CHECK(summary(here, "four")["state"] == "completed");
  CHECK(weights(here, "four", "00000400") == expected);
}

TEST_CASE("sharded ranks of MPI keep their share of the moments", "[e2e][ranks]") {
  if (!mpirun_is_there()) return;
  const Workspace here;
  const auto bytes = [&](const std::string& name, int ranks) {
    const ProgramResult run =
        here.run(run_of(here, name, 20, ranks, {"--set", "parallel.shard_optimizer=true"}));
    INFO(run.err);
    REQUIRE(run.exit_code == 0);
    CHECK(summary(here, name)["ranks"] == ranks);
    return summary(here, name)["moment_bytes"].get<double>();
  };
  const double all = bytes("all", 1);
  CHECK(bytes("half", 2) / all == Approx(1.0 / 2).epsilon(0.01));
  CHECK(bytes("third", 3) / all == Approx(1.0 / 3).epsilon(0.01));
}

TEST_CASE("a configuration that is refused ends all ranks with its code", "[e2e][ranks]") {
  if (!mpirun_is_there()) return;
  const Workspace here;
  const ProgramResult wrong = here.run(run_of(here, "wrong", 20, 2, {"--set", "clip_norm=-1"}));
  CHECK(wrong.exit_code == 2);
  const ProgramResult missing =
      here.run(run_of(here, "missing", 20, 2, {"--set", "data.train=nowhere"}));
  CHECK(missing.exit_code == 3);
  CHECK(missing.err.find("nowhere: no such directory") != std::string::npos);
}
