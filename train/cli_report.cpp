#include <CLI/CLI.hpp>

#include "train/cli.h"
#include "train/glue/outcome.h"
#include "train/glue/run_glue.h"
#include "train/log/json_writer.h"
#include "train/report/report.h"

namespace orchid::train {
namespace {

struct ReportOptions {
  std::string path;
  bool json = false;
  bool markdown = false;
};

int run_glue_report(const ReportOptions& options) {
  const std::filesystem::path directory = options.path;
  const GlueSummary summary = write_results(directory);
  print_answer(options.json, results_json(summary),
               options.markdown
                   ? results_markdown(summary)
                   : str(results_text(summary), (directory / "report.html").string(), "\n"));
  return 0;
}

int run_report(const ReportOptions& options) {
  ORCHID_CHECK_USAGE(!options.path.empty(), "run is required; see orchid report --help");
  if (is_protocol(options.path)) return run_glue_report(options);
  const std::filesystem::path file = write_report(options.path);
  JsonWriter json(2);
  json.begin_object().member("report", file.string()).end_object();
  print_answer(options.json, json.text(), file.string());
  return 0;
}

}  // namespace

void add_report(CLI::App& app, Action& action) {
  auto options = std::make_shared<ReportOptions>();
  const std::vector<std::string> commands = {"orchid report runs/quickstart",
                                             "orchid report runs/quickstart --json",
                                             "orchid report glue runs/glue_quickstart",
                                             "orchid report glue runs/glue_quickstart --markdown"};
  CLI::App* verb = app.add_subcommand(
      "report", "Write report.html of a run again, or all results of `orchid glue`");
  verb->add_option("run", options->path, "directory of the run");
  verb->add_flag("--json", options->json, "print JSON");
  verb->footer(examples(commands));
  CLI::App* glue = verb->add_subcommand(
      "glue", "Write results.json, results.md and report.html again from the runs of a protocol");
  glue->add_option("directory", options->path, "directory of `orchid glue`")->required();
  glue->add_flag("--json", options->json, "print the results as JSON");
  glue->add_flag("--markdown", options->markdown, "print them as Markdown")->excludes("--json");
  glue->footer(examples(commands));
  verb->callback([verb, glue, options, &action] {
    const auto run = verb->got_subcommand(glue) ? run_glue_report : run_report;
    action = [options, run] { return run(*options); };
  });
}

}  // namespace orchid::train
