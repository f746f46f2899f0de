#include <cstdio>

#include <CLI/CLI.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include "train/assemble.h"
#include "train/bench/bench_case.h"
#include "train/bench/bench_step.h"
#include "train/cli.h"

namespace orchid::train {
namespace {

struct BenchOptions {
  std::string op;
  std::string config;
  std::vector<std::int64_t> shape;
  std::vector<std::string> sets;
  bool json = false;
};

/// What `work` returns, made in a process of its own: so its highest memory is its own too. Called
/// before this process has threads.
std::string in_child(const std::function<std::string()>& work) {
  int ends[2];
  ORCHID_CHECK(pipe(ends) == 0, "bench: cannot make a pipe");
  const pid_t child = fork();
  ORCHID_CHECK(child >= 0, "bench: cannot start a process");
  if (child == 0) {
    close(ends[0]);
    int code = 0;
    try {
      const std::string text = work();
      std::size_t done = 0;
      while (done < text.size()) {
        const ssize_t n = write(ends[1], text.data() + done, text.size() - done);
        if (n <= 0) break;
        done += static_cast<std::size_t>(n);
      }
    } catch (const std::exception& error) {
      std::fprintf(stderr, "error: %s\n", error.what());
      code = 1;
    }
    _exit(code);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  ORCHID_CHECK(status == 0, "bench: a case failed");
  return text;
}

/// Takes what is not of the mixer out of the --set list.
std::vector<std::string> take_run_sets(std::vector<std::string>& sets) {
  std::vector<std::string> taken;
  std::erase_if(sets, [&](const std::string& set) {
    if (set.starts_with("mixer.")) return false;
    taken.push_back(set);
    return true;
  });
  return taken;
}

std::vector<std::function<BenchResult(Context&)>> op_cases(const BenchOptions& options) {
  const std::vector<std::int64_t>& shape = options.shape;
  if (options.op == "attention") {
    ORCHID_CHECK_USAGE(!shape.empty(), "bench op attention: --shape B,L,D is missing");
    const AttentionCase one = attention_case(shape[0], shape[1], shape[2], options.sets);
    return {[one](Context& ctx) { return bench_attention(ctx, one); }};
  }
  std::vector<BenchCase> cases;
  if (shape.empty()) {
    ORCHID_CHECK_USAGE(options.sets.empty(), "--set mixer.key=value goes with --shape B,L,D");
    cases = standard_orchid_cases();
  } else {
    cases = {orchid_case(shape[0], shape[1], shape[2], options.sets)};
  }
  std::vector<std::function<BenchResult(Context&)>> work;
  for (const BenchCase& one : cases)
    work.emplace_back([one](Context& ctx) { return bench_orchid(ctx, one); });
  return work;
}

int run_bench_op(BenchOptions options) {
  const RunConfig where = bench_run(take_run_sets(options.sets));
  ORCHID_CHECK_USAGE(options.shape.empty() || options.shape.size() == 3,
                     "--shape: expected B,L,D, got ", options.shape.size(), " numbers");
  for (const std::int64_t extent : options.shape)
    ORCHID_CHECK_USAGE(extent >= 1, "--shape: expected extents of at least 1, got ", extent);
  const std::vector<std::function<BenchResult(Context&)>> cases = op_cases(options);
  std::string text = options.json ? "{\"cases\": [" : "";
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (options.json && i > 0) text += ",";
    text += in_child([&] {
      Context ctx = make_context(where);
      const BenchResult result = cases[i](ctx);
      return options.json ? "\n  " + bench_json(result) : bench_text(result);
    });
  }
  if (options.json) text += "\n]}";
  print_answer(options.json, text, text);
  return 0;
}

int run_bench_step(const BenchOptions& options) {
  const std::string text = in_child([&] {
    const StepResult result = bench_step(options.config, options.sets);
    return options.json ? step_json(result) : step_text(result);
  });
  print_answer(options.json, text, text);
  return 0;
}

}  // namespace

void add_bench(CLI::App& app, Action& action) {
  CLI::App* group = app.add_subcommand("bench", "Measure speed, beside this machine's own rates");
  group->require_subcommand(1);
  const std::vector<std::string> commands = {
      "orchid bench op orchid --shape 8,128,256 --set threads=2 --set mixer.kernel=correlation",
      "orchid bench op attention --shape 8,197,768 --set mixer.heads=12",
      "orchid bench step configs/smoke/novels.json --json"};
  group->footer(examples(commands));
  auto options = std::make_shared<BenchOptions>();

  CLI::App* op = group->add_subcommand("op", "One operator, forward and backward");
  op->add_option("name", options->op,
                 "orchid: the whole operator, with all gradients; attention: the softmax attention "
                 "of heads, without projections")
      ->required()
      ->check(CLI::IsMember({"orchid", "attention"}));
  op->add_option("--shape", options->shape, "B,L,D; none: the standard table of cases")
      ->delimiter(',');
  CLI::App* step = group->add_subcommand("step", "A whole training step on random tokens");
  step->add_option("config", options->config, "configuration file")->required();
  for (CLI::App* verb : {op, step}) {
    verb->add_option("--set", options->sets,
                     verb == op ? "threads=N, device=cuda, precision=bf16 or mixer.key=value"
                                : "path.to.key=value")
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    verb->add_flag("--json", options->json, "print JSON");
    verb->footer(examples(commands));
  }
  op->callback([options, &action] { action = [options] { return run_bench_op(*options); }; });
  step->callback([options, &action] { action = [options] { return run_bench_step(*options); }; });
}

}  // namespace orchid::train
