#include "train/cli.h"

#include <cstdio>
#include <filesystem>
#include <iostream>
#include <new>

#include <CLI/CLI.hpp>

#include "kernels/core/error.h"
#include "train/config/suggest.h"
#include "train/version.h"

namespace orchid::train {
namespace {

constexpr int kFailed = 1, kBadUsage = 2, kBadInput = 3;

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::failure:
      return kFailed;
    case ErrorKind::usage:
      return kBadUsage;
    case ErrorKind::input_data:
      return kBadInput;
  }
  return kFailed;
}

/// Runs `action`; whatever it throws becomes one message and an exit code.
int report_errors(const Action& action) {
  const auto fail = [](const std::string& text, int code) {
    std::fprintf(stderr, "error: %s\n", text.c_str());
    return code;
  };
  try {
    return action();
  } catch (const Error& error) {
    return fail(error.what(), exit_code(error.kind()));
  } catch (const std::bad_alloc&) {
    return fail("out of memory; a smaller batch.per_device or model may fit", kFailed);
  } catch (const std::exception& error) {
    return fail(error.what(), kFailed);
  }
}

/// -h, --version and mistakes in the command line.
int report_parse_result(const CLI::App& app, const CLI::ParseError& result) {
  if (result.get_exit_code() == 0) return app.exit(result);
  std::fprintf(stderr, "error: %s\nTry --help for what is possible\n", result.what());
  return kBadUsage;
}

/// A word where only a verb can stand, and that is none: CLI11 itself would say less.
void check_verbs(const CLI::App* app, int argc, char** argv) {
  for (int i = 1; i < argc && argv[i][0] != '-'; ++i) {
    const std::string word = argv[i];
    std::vector<std::string> verbs;
    const CLI::App* next = nullptr;
    for (const CLI::App* verb : app->get_subcommands([](const CLI::App*) { return true; })) {
      verbs.push_back(verb->get_name());
      if (verbs.back() == word) next = verb;
    }
    const auto is_argument = [](const CLI::Option* option) { return option->get_positional(); };
    if (verbs.empty() || (!next && !app->get_options(is_argument).empty())) return;
    ORCHID_CHECK_USAGE(next, "unknown verb \"", word, "\"", suggestion(word, verbs));
    app = next;
  }
}

}  // namespace

std::string examples(const std::vector<std::string>& commands) {
  std::string text = "Examples:";
  for (const std::string& command : commands) text += "\n  " + command;
  return text;
}

void add_sets(CLI::App* verb, std::vector<std::string>& sets) {
  verb->add_option("--set", sets, "change one key of the configuration: path.to.key=value")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void print_answer(bool json, const std::string& json_text, const std::string& text) {
  std::string answer = json ? json_text : text;
  if (!answer.ends_with('\n')) answer += '\n';
  std::cout << answer << std::flush;
  ORCHID_CHECK(std::cout.good(), "cannot write to standard output");
}

int run_cli(int argc, char** argv) {
  CLI::App app{"Trains and evaluates Orchid models", "orchid"};
  app.require_subcommand(1);
  app.set_version_flag("--version", str("orchid ", program_version(), " ", program_commit()));
  app.footer(examples({"orchid train configs/quickstart/mlm.json",
                       "orchid describe optimizer   # every key of a section, from the code"}));
  Action action;
  return report_errors([&] {
    for (const auto add :
         {add_train, add_glue, add_evaluate, add_predict, add_data, add_plan, add_describe,
          add_checkpoint, add_devices, add_report, add_check_golden, add_bench})
      add(app, action);
    check_verbs(&app, argc, argv);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& result) {
      return report_parse_result(app, result);
    }
    return action();
  });
}

}  // namespace orchid::train
