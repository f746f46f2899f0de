#pragma once

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace orchid::train {

/// The command line of `orchid`. Reports errors on stderr; returns the exit code: 0 done, 1 failed,
/// 2 bad usage or configuration, 3 bad input data, 130 interrupted.
int run_cli(int argc, char** argv);

/// The chosen verb stores here what it will do; it runs after all of the line has been read.
using Action = std::function<int()>;

// One function a verb, or a group of them; each adds its subcommands to the program.
void add_train(CLI::App&, Action&);
void add_glue(CLI::App&, Action&);
void add_evaluate(CLI::App&, Action&);
void add_predict(CLI::App&, Action&);
void add_data(CLI::App&, Action&);
void add_plan(CLI::App&, Action&);
void add_describe(CLI::App&, Action&);
void add_checkpoint(CLI::App&, Action&);
void add_devices(CLI::App&, Action&);
void add_report(CLI::App&, Action&);
void add_check_golden(CLI::App&, Action&);
void add_bench(CLI::App&, Action&);

/// --set path.to.key=value, as often as wanted.
void add_sets(CLI::App* verb, std::vector<std::string>& sets);

/// Help text below the options: "Examples:" and one command a line.
std::string examples(const std::vector<std::string>& commands);

/// What --json prints, or else `text`, on stdout; throws if stdout cannot take it.
void print_answer(bool json, const std::string& json_text, const std::string& text);

}  // namespace orchid::train
