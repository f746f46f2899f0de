#include <CLI/CLI.hpp>

#include "train/cli.h"
#include "train/config/load.h"
#include "train/glue/run_glue.h"

namespace orchid::train {
namespace {

struct GlueOptions {
  GlueRequest request;
  std::string device;
  bool json = false;
};

int run(GlueOptions options) {
  if (!options.device.empty()) options.request.sets.push_back(set_of("device", options.device));
  const TrainResult result = run_glue(options.request);
  print_answer(options.json, result.summary, result.text);
  return result.exit_code;
}

}  // namespace

void add_glue(CLI::App& app, Action& action) {
  auto options = std::make_shared<GlueOptions>();
  GlueRequest& request = options->request;
  CLI::App* verb = app.add_subcommand(
      "glue", "Fine-tune on the tasks of GLUE, some seeds each, and tabulate the results");
  verb->add_option("config", request.config, "configuration file with a glue section")->required();
  add_sets(verb, request.sets);
  verb->add_option("--from", request.from,
                   "run or checkpoint to start from, with its weights and its model");
  verb->add_option("--run-dir", request.directory,
                   "directory of the results; default runs/<name>. One that is there is gone on "
                   "with: what is complete is not run again");
  verb->add_option("--device", options->device, "auto | cpu | cuda[:index]; auto: every GPU");
  verb->add_flag("--json", options->json, "print the results as JSON alone");
  verb->footer(examples(
      {"orchid glue configs/glue/quickstart.json --from runs/quickstart --set data.directory=glue",
       "orchid glue configs/glue/orchid_bert_base.json --from runs/orchid_bert_base",
       "orchid glue configs/glue/orchid_bert_base.json --from runs/orchid_bert_base "
       "--set glue.tasks=cola,rte --set glue.seeds=1,2,3"}));
  verb->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace orchid::train
