#include <csignal>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

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

/// Waits until a run has saved a checkpoint and is not at its end.
bool in_the_middle(const fs::path& run) {
  return state_of(run) == "running" && !last_checkpoint(run).empty();
}

/// Waits for the middle of a run and stops its process there, until SIGCONT.
pid_t hold(Program& program, const fs::path& run) {
  REQUIRE(program.wait_for([&] { return in_the_middle(run); }));
  const std::vector<pid_t> children = children_of(program.id());
  REQUIRE(children.size() == 1);
  kill(children[0], SIGSTOP);
  REQUIRE(state_of(run) == "running");
  return children[0];
}

void kill_tree(Program& program) {
  program.send(SIGSTOP);  // so that it starts nothing more
  for (const pid_t child : children_of(program.id())) kill(child, SIGKILL);
  program.send(SIGKILL);
  CHECK(program.wait().signal == SIGKILL);
}

/// Until nothing of a killed command trains there any more.
bool wait_for_state(const fs::path& run, const std::string& state) {
  for (int i = 0; i < 20000; ++i) {
    if (state_of(run) == state) return true;
    usleep(1000);
  }
  return false;
}

using Times = std::map<std::string, fs::file_time_type>;

/// When each completed run said so.
Times completed(const fs::path& protocol) {
  Times times;
  for (const std::string& run : begun_runs(protocol))
    if (state_of(protocol / run) == "completed")
      times[run] = fs::last_write_time(protocol / run / "summary.json");
  return times;
}

}  // namespace

TEST_CASE("a protocol that is killed goes on to the same bytes", "[e2e][glue][resume]") {
  const GlueWorkspace here(100);
  REQUIRE(here.run(here.protocol("straight")).exit_code == 0);
  const Words command = here.protocol("killed");
  const fs::path out = here / "killed";
  Times before;
  const auto check_kept = [&] {
    for (const auto& [run, time] : before) {
      INFO(run);
      CHECK(fs::last_write_time(out / run / "summary.json") == time);
    }
    before = completed(out);
  };
  {
    INFO("all processes at once, in the first run");
    Program program(here.path(), command);
    REQUIRE(program.wait_for([&] { return in_the_middle(out / "mnli/seed-1"); }));
    kill_tree(program);
    before = completed(out);
    CHECK(before.empty());
  }
  {
    INFO("the parent alone: its child saves and stops");
    Program program(here.path(), command);
    REQUIRE(program.wait_for([&] { return in_the_middle(out / "cola/seed-2"); }));
    program.send(SIGKILL);
    CHECK(program.wait().signal == SIGKILL);
    REQUIRE(wait_for_state(out / "cola/seed-2", "preempted"));
    check_kept();
    CHECK(before.contains("mnli/seed-1"));
  }
  {
    INFO("where such a child still holds its run, the run is waited for");
    const int lock = open((out / "cola/seed-2/.lock").c_str(), O_RDWR | O_CLOEXEC);
    REQUIRE(flock(lock, LOCK_EX) == 0);
    Program again(here.path(), command);
    REQUIRE(again.wait_for([&] { return in_the_middle(out / "rte/seed-1"); }));
    CHECK(state_of(out / "cola/seed-2") == "preempted");
    close(lock);
    REQUIRE(again.wait_for([&] { return in_the_middle(out / "mrpc/seed-2"); }));
    CHECK(state_of(out / "cola/seed-2") == "completed");
    again.send(SIGKILL);  // and once more
    CHECK(has(again.wait().err, "cola seed 2: another process trains in it; it is waited for"));
    REQUIRE(wait_for_state(out / "mrpc/seed-2", "preempted"));  // the child saves and stops
    check_kept();
  }
  const ProgramResult last = here.run(command);
  INFO(last.err);
  CHECK(last.exit_code == 0);
  check_kept();
  CHECK(before.size() == 9);
  check_same_protocol(here / "straight", out);

  const ProgramResult nothing_left = here.run(command);
  CHECK(nothing_left.exit_code == 0);
  check_kept();
  check_same_protocol(here / "straight", out);
}

TEST_CASE("a protocol that a signal stops saves and goes on", "[e2e][glue][resume]") {
  const GlueWorkspace here(100);
  REQUIRE(here.run(here.protocol("straight", {"--set", "glue.tasks=cola,stsb"})).exit_code == 0);
  for (const auto& [signal, exit_code] : {std::pair{SIGINT, 130}, std::pair{SIGTERM, 0}}) {
    INFO("signal " << signal);
    const std::string out = "stopped" + std::to_string(signal);
    const Words command = here.protocol(out, {"--set", "glue.tasks=cola,stsb"});
    Program program(here.path(), command);
    const pid_t child = hold(program, here / (out + "/cola/seed-2"));
    program.send(signal);
    usleep(300000);  // the program looks five times a second
    kill(child, SIGCONT);
    const ProgramResult stopped = program.wait();
    CHECK(stopped.exit_code == exit_code);
    CHECK(has(stopped.err, "stopping: the runs save first"));
    CHECK(has(stopped.out, "stopped; the same command goes on"));
    const fs::path run = here / (out + "/cola/seed-2");
    const auto summary = nlohmann::json::parse(slurp(run / "summary.json"));
    CHECK(summary["state"] == "preempted");
    const auto shown = here.answer({"checkpoint", "show", run.string(), "--json"});
    CHECK(shown["step"] == summary["step"]);
    CHECK(task_of(results_without_times(here / out), "cola")["n"] == 1);
    const ProgramResult rest = here.run(command);
    INFO(rest.err);
    CHECK(rest.exit_code == 0);
    check_same_protocol(here / "straight", here / out);
  }
}

TEST_CASE("two runs at a time give what one at a time gives", "[e2e][glue]") {
  const GlueWorkspace here;
  REQUIRE(here.run(here.protocol("one")).exit_code == 0);
  const ProgramResult two = here.run(here.protocol("two", {"--set", "glue.workers=2"}));
  INFO(two.err);
  REQUIRE(two.exit_code == 0);
  CHECK(has(two.err, "9 runs, 2 at a time"));
  check_same_protocol(here / "one", here / "two");
}

TEST_CASE("a run that fails keeps no other from running", "[e2e][glue]") {
  const GlueWorkspace here;
  SECTION("by itself") {
    const Words command = here.protocol("out", {"--set", "glue.tasks=cola,stsb", "--set",
                                                "glue.recipes.cola.learning_rate=1e30", "--json"});
    const ProgramResult result = here.run(command);
    INFO(result.err);
    CHECK(result.exit_code == 1);
    CHECK(has(result.err, "failed: cola seed 1: error: step "));
    CHECK(has(result.err, "its output is in out/cola/seed-1.log"));
    const auto results = nlohmann::json::parse(result.out);
    CHECK(task_of(results, "cola")["n"] == 0);
    CHECK(task_of(results, "stsb")["n"] == 2);
    CHECK(fs::exists(here / "out/submission/STS-B.tsv"));
    CHECK(here.run(command).exit_code == 1);  // it is tried again
  }
  SECTION("those that wait for it fail with it") {
    const ProgramResult result =
        here.run(here.protocol("out", {"--set", "glue.tasks=mnli,cola,rte", "--set",
                                       "glue.recipes.mnli.learning_rate=1e30"}));
    INFO(result.err);
    CHECK(result.exit_code == 1);
    CHECK(has(result.out, "failed: rte seed 2: the run of mnli it starts from failed"));
    CHECK(begun_runs(here / "out") == Words{"cola/seed-1", "cola/seed-2", "mnli/seed-1"});
    CHECK(completed(here / "out").size() == 2);
  }
  SECTION("by a log that cannot be written") {
    fs::create_directories(here / "out/cola/seed-1.log");
    spit(here / "out/glue.json", "");
    const ProgramResult result = here.run(here.protocol("out", {"--set", "glue.tasks=cola"}));
    INFO(result.err);
    CHECK(result.exit_code == 1);
    CHECK(has(result.err, "failed: cola seed 1: out/cola/seed-1.log: Is a directory"));
    CHECK(state_of(here / "out/cola/seed-2") == "completed");
  }
}

TEST_CASE("a damaged checkpoint fails one run alone", "[e2e][glue][resume]") {
  const GlueWorkspace here(100);
  const Words command = here.protocol("out", {"--set", "glue.tasks=cola"});
  {
    Program program(here.path(), command);
    const pid_t child = hold(program, here / "out/cola/seed-1");
    program.send(SIGTERM);
    usleep(300000);
    kill(child, SIGCONT);
    REQUIRE(program.wait().exit_code == 0);
  }
  const fs::path file = last_checkpoint(here / "out/cola/seed-1") / "optimizer.safetensors";
  std::string bytes = slurp(file);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  spit(file, bytes);
  const ProgramResult result = here.run(command);
  INFO(result.err);
  CHECK(result.exit_code == 1);
  CHECK(has(result.err, "optimizer.safetensors: damaged"));
  CHECK(has(result.err, "(exit code 3; its output is in out/cola/seed-1.log)"));
  CHECK(state_of(here / "out/cola/seed-2") == "completed");
}

TEST_CASE("a recipe that changed after its run is refused by name", "[e2e][glue][resume]") {
  const GlueWorkspace here;
  const Words command = here.protocol("out", {"--set", "glue.tasks=cola", "--set", "glue.seeds=1"});
  REQUIRE(here.run(command).exit_code == 0);
  const Times before = completed(here / "out");
  for (const auto& [set, message] :
       {std::pair{"glue.recipes.cola.learning_rate=1",
                  "resume: optimizer.learning_rate: the run in out/cola/seed-1 has"},
        std::pair{"glue.recipes.cola.epochs=6", "resume: schedule.epochs: the run in"},
        std::pair{"glue.recipes.cola.pooling=first", "resume: task.pooling: the run in"}}) {
    Words changed = command;
    changed.insert(changed.end(), {"--set", set});
    const ProgramResult result = here.run(changed);
    INFO(result.err);
    CHECK(result.exit_code == 2);
    CHECK(has(result.err, message));
  }
  CHECK(completed(here / "out") == before);
}
