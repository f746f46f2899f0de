#include <csignal>
#include <fstream>

#include <unistd.h>

#include "tests/e2e/workspace.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"

using namespace orchid::test;
namespace fs = std::filesystem;

namespace {

using Words = std::vector<std::string>;

/// A run long enough to be stopped in the middle: 200 steps, a checkpoint every 20.
Words long_run(const Workspace& here, const std::string& name, const Words& more = {}) {
  Words arguments =
      here.train({"--set", "name=" + name, "--set", "schedule.steps=200", "--set",
                  "checkpoint.every=20", "--set", "evaluate_every=50", "--set", "log_every=7",
                  "--set", "batch.global=16", "--set", "evaluate_samples=32"});
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

Words resumed(Words arguments) {
  arguments.push_back("--resume");
  return arguments;
}

/// Starts the run and sends `signal` as soon as step 20 is saved.
ProgramResult stop_in_the_middle(const Workspace& here, const std::string& name,
                                 const Words& arguments, int signal) {
  Program program(here.path(), arguments);
  const fs::path saved = here / ("runs/" + name + "/checkpoints/step-00000020");
  REQUIRE(program.wait_for([&] { return fs::exists(saved); }));
  program.send(signal);
  return program.wait();
}

void check_same_results(const fs::path& a, const fs::path& b) {
  for (const char* file : {"model.safetensors", "optimizer.safetensors"}) {
    const std::string path = std::string("checkpoints/step-00000200/") + file;
    CHECK(slurp(a / path) == slurp(b / path));
  }
  CHECK(metrics_without_times(a / "metrics.jsonl") == metrics_without_times(b / "metrics.jsonl"));
}

}  // namespace

TEST_CASE("a killed run goes on to the same bytes as an uninterrupted one", "[e2e][resume]") {
  const Words variants[] = {
      {},
      {"--set", "batch.per_device=5"},
      {"--set", "model.encoder.mixer.norm=batch", "--set", "checkpoint.best=true"}};
  for (const Words& more : variants) {
    const Workspace here;
    INFO((more.empty() ? "plain" : more[1]));
    REQUIRE(here.run(long_run(here, "straight", more)).exit_code == 0);
    const Words killed = long_run(here, "killed", more);
    const ProgramResult dead = stop_in_the_middle(here, "killed", killed, SIGKILL);
    REQUIRE(dead.signal == SIGKILL);
    const ProgramResult rest = here.run(resumed(killed));
    INFO(rest.err);
    REQUIRE(rest.exit_code == 0);
    CHECK(rest.err.find("resuming from runs/killed/checkpoints/step-") != std::string::npos);
    check_same_results(here / "runs/straight", here / "runs/killed");
  }
}

TEST_CASE("a run killed ten times at any moment ends at the same bytes", "[e2e][resume]") {
  const Workspace here;
  REQUIRE(here.run(long_run(here, "straight")).exit_code == 0);
  const Words arguments =
      long_run(here, "killed", {"--set", "checkpoint.every=5", "--set", "checkpoint.keep=1"});
  Words again = arguments;
  int kills = 0;
  for (unsigned attempt = 0; attempt < 10; ++attempt) {
    Program program(here.path(), again);
    program.wait_for([&] { return fs::exists(here / "runs/killed/config.json"); });
    usleep(1000 * (3 + 7 * attempt % 41));
    program.send(SIGKILL);
    kills += program.wait().signal == SIGKILL;
    again = resumed(arguments);
  }
  CHECK(kills >= 3);
  const ProgramResult last = here.run(resumed(arguments));
  INFO(last.err);
  REQUIRE(last.exit_code == 0);
  check_same_results(here / "runs/straight", here / "runs/killed");
  for (const auto& entry : fs::directory_iterator(here / "runs/killed/checkpoints"))
    CHECK(entry.path().filename().string().find(".tmp") == std::string::npos);
}

TEST_CASE("signals save, and the run goes on to the same bytes", "[e2e][resume]") {
  struct Case {
    int signal;
    int exit_code;
    const char* state;
  };
  const Workspace here;
  REQUIRE(here.run(long_run(here, "straight")).exit_code == 0);
  for (const Case& expected : {Case{SIGINT, 130, "interrupted"}, Case{SIGTERM, 0, "preempted"},
                               Case{SIGUSR1, 0, "preempted"}}) {
    INFO(expected.state << " by signal " << expected.signal);
    const std::string name = "stopped" + std::to_string(expected.signal);
    const Words arguments = long_run(here, name);
    const ProgramResult stopped = stop_in_the_middle(here, name, arguments, expected.signal);
    CHECK(stopped.exit_code == expected.exit_code);
    const fs::path run = here / ("runs/" + name);
    const auto summary = nlohmann::json::parse(slurp(run / "summary.json"));
    CHECK(summary["state"] == expected.state);
    REQUIRE(summary["step"].get<int>() < 200);
    CHECK(fs::exists(run / "report.html"));
    const auto shown = here.answer({"checkpoint", "show", "runs/" + name, "--json"});
    CHECK(shown["step"] == summary["step"]);
    REQUIRE(here.run(resumed(arguments)).exit_code == 0);
    check_same_results(here / "runs/straight", run);
  }
}

TEST_CASE("a signal does not wait for the end of a long step", "[e2e][resume]") {
  // 20,000 micro-batches take seconds. Giving the step up must leave no trace, not even in the
  // running statistics of batch norms: however far it went, the same bytes are saved.
  const Workspace here;
  std::vector<std::string> saved;
  for (const int milliseconds : {0, 300}) {
    const std::string name = "after" + std::to_string(milliseconds);
    Program program(here.path(),
                    here.train({"--set", "name=" + name, "--set", "batch.global=20000", "--set",
                                "batch.per_device=1", "--set", "model.encoder.mixer.norm=batch"}));
    const fs::path summary = here / ("runs/" + name + "/summary.json");
    REQUIRE(program.wait_for([&] { return fs::exists(summary); }));
    usleep(static_cast<unsigned>(1000 * milliseconds));
    program.send(SIGTERM);
    REQUIRE(program.wait().exit_code == 0);
    REQUIRE(nlohmann::json::parse(slurp(summary))["step"] == 0);
    saved.push_back(
        slurp(here / ("runs/" + name + "/checkpoints/step-00000000/model.safetensors")));
  }
  CHECK(saved[0] == saved[1]);
}

TEST_CASE("a second signal ends the program at once", "[e2e][resume]") {
  const Workspace here;
  Program program(here.path(), long_run(here, "twice"));
  const fs::path saved = here / "runs/twice/checkpoints/step-00000020";
  REQUIRE(program.wait_for([&] { return fs::exists(saved); }));
  program.send(SIGTERM);
  program.send(SIGUSR1);  // both are pending: the second handler runs before the step ends
  const int code = program.wait().exit_code;
  CHECK((code == 128 + SIGTERM || code == 128 + SIGUSR1));
  const auto summary = nlohmann::json::parse(slurp(here / "runs/twice/summary.json"));
  CHECK(summary["state"] == "running");  // there was no time to say more
}

TEST_CASE("resuming with another configuration is refused by key", "[e2e][resume]") {
  const Workspace here;
  REQUIRE(here.run(here.train({"--set", "schedule.steps=10"})).exit_code == 0);
  const ProgramResult other =
      here.run(here.train({"--resume", "--set", "optimizer.learning_rate=1"}));
  CHECK(other.exit_code == 2);
  CHECK(other.err.find("resume: optimizer.learning_rate: the run in runs/smoke_mlm has") !=
        std::string::npos);
}

TEST_CASE("a finished run can be resumed to no effect, or be made longer", "[e2e][resume]") {
  const Workspace here;
  REQUIRE(here.run(here.train({"--set", "schedule.steps=10"})).exit_code == 0);
  const std::string before = slurp(here / "runs/smoke_mlm/metrics.jsonl");
  REQUIRE(here.run(here.train({"--resume", "--set", "schedule.steps=10"})).exit_code == 0);
  CHECK(slurp(here / "runs/smoke_mlm/metrics.jsonl") == before);
  const ProgramResult shorter = here.run(here.train({"--resume", "--set", "schedule.steps=9"}));
  CHECK(shorter.exit_code == 2);
  CHECK(shorter.err.find("schedule.steps: expected at least 10") != std::string::npos);
  const ProgramResult longer = here.run(here.train({"--resume"}));
  CHECK(longer.exit_code == 0);
  CHECK(longer.err.find("schedule.steps: 10 becomes 40") != std::string::npos);
}

TEST_CASE("--resume of a run that does not exist begins it", "[e2e][resume]") {
  const Workspace here;
  const ProgramResult result = here.run(here.train({"--resume", "--set", "schedule.steps=2"}));
  CHECK(result.exit_code == 0);
  CHECK(result.err.find("nothing to resume; the run begins") != std::string::npos);
}

TEST_CASE("a run killed before its configuration was written begins again", "[e2e][resume]") {
  const Workspace here;
  const fs::path run = here / "runs/early";
  fs::create_directories(run);
  std::ofstream(run / "config.json.123-0.partial") << "{";
  std::ofstream(run / ".lock");
  const ProgramResult result = here.run(here.train({"--set", "name=early", "--resume"}));
  INFO(result.err);
  CHECK(result.exit_code == 0);
  CHECK(!fs::exists(run / "config.json.123-0.partial"));

  const fs::path other = here / "runs/other";
  fs::create_directories(other);
  std::ofstream(other / "thesis.partial") << "mine";
  CHECK(here.run(here.train({"--set", "name=other"})).exit_code == 2);
  CHECK(slurp(other / "thesis.partial") == "mine");
}

TEST_CASE("a damaged checkpoint is not resumed from", "[e2e][resume]") {
  const Workspace here;
  REQUIRE(here.run(here.train()).exit_code == 0);
  const fs::path newest = here / "runs/smoke_mlm/checkpoints/step-00000040";
  const Words more = here.train({"--resume", "--set", "schedule.steps=50"});
  SECTION("changed bytes are an error that names the file") {
    std::string bytes = slurp(newest / "optimizer.safetensors");
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    spit(newest / "optimizer.safetensors", bytes);
    const ProgramResult result = here.run(more);
    CHECK(result.exit_code == 3);
    CHECK(result.err.find("optimizer.safetensors: damaged") != std::string::npos);
  }
  SECTION("a truncated one does not exist, and the one before is used") {
    fs::resize_file(newest / "model.safetensors", 100);
    const ProgramResult result = here.run(more);
    CHECK(result.exit_code == 0);
    CHECK(result.err.find("ignored: checkpoint") != std::string::npos);
    CHECK(result.err.find("resuming from runs/smoke_mlm/checkpoints/step-00000030") !=
          std::string::npos);
  }
}

TEST_CASE("two processes cannot train in one run", "[e2e][resume]") {
  const Workspace here;
  const Words arguments = long_run(here, "shared");
  Program first(here.path(), arguments);
  REQUIRE(
      first.wait_for([&] { return fs::exists(here / "runs/shared/checkpoints/step-00000020"); }));
  first.send(SIGSTOP);
  const ProgramResult second = here.run(resumed(arguments));
  first.send(SIGCONT);
  CHECK(second.exit_code == 1);
  CHECK(second.err.find("another process is training in it") != std::string::npos);
  CHECK(first.wait().exit_code == 0);
}
