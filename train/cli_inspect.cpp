#include <CLI/CLI.hpp>

#include "train/checkpoint/checkpoint.h"
#include "train/cli.h"
#include "train/config/load.h"
#include "train/glue/cost.h"
#include "train/log/console.h"
#include "train/log/json_writer.h"
#include "train/log/machine.h"
#include "train/plan.h"

namespace orchid::train {
namespace {

struct PathOptions {
  std::string path;
  std::vector<std::string> sets;
  bool json = false;
};

void add_json(CLI::App* verb, bool& json) {
  verb->add_flag("--json", json, "print JSON");
}

int run_plan(const PathOptions& options) {
  const RunConfig config = load_config(options.path, options.sets);
  if (config.glue) {
    const GluePlan plan = plan_unread(config);
    const GlueCost cost = cost_of(config, plan);
    print_answer(options.json, glue_plan_json(config, plan, cost),
                 glue_plan_text(config, plan, cost));
    return 0;
  }
  const RunPlan plan = plan_run(config);
  print_answer(options.json, plan_json(config, plan), plan_text(config, plan));
  return 0;
}

int run_describe(const PathOptions& options) {
  JsonWriter json(2);
  json.begin_object().key("keys").begin_array();
  std::string text;
  for (const KeyDescription& key : describe_config(options.path)) {
    json.begin_object().member("key", key.key).member("type", key.type);
    json.key("default").raw(key.default_json.empty() ? "null" : key.default_json);
    json.member("required", key.required).member("meaning", key.meaning).end_object();
    text += key.key + "\n    " + key.type;
    if (key.required) text += ", required";
    if (!key.default_json.empty()) text += ", default " + key.default_json;
    text += "\n    " + key.meaning + "\n";
  }
  json.end_array().end_object();
  print_answer(options.json, json.text(), text);
  return 0;
}

int run_show(const PathOptions& options) {
  const std::filesystem::path checkpoint = find_checkpoint(options.path);
  const CheckpointState state = read_state(checkpoint);
  const SafetensorsFile model = SafetensorsFile::open(checkpoint / kModelFile);
  JsonWriter json(2);
  json.begin_object().member("checkpoint", checkpoint.string());
  json.member("step", state.progress.step).member("samples", state.progress.samples);
  json.member("version", state.version).member("commit", state.commit);
  json.key("valid_loss");
  state.progress.valid_loss ? json.value(*state.progress.valid_loss) : json.null();
  std::string text =
      str(checkpoint.string(), "\nstep     ", state.progress.step, " of ",
          state.config.schedule.steps, "\nwritten  by orchid ", state.version, " ", state.commit);
  if (state.progress.valid_loss) text += str("\nvalid    loss ", *state.progress.valid_loss);
  json.key("files").begin_object();
  for (const auto& [name, file] : state.files) {
    json.member(name, std::uint64_t{file.bytes});
    text += str("\nfile     ", name, "  ", short_number(static_cast<double>(file.bytes)), "B");
  }
  json.end_object().key("tensors").begin_array();
  for (const SafetensorsEntry& entry : model.entries()) {
    json.begin_object().member("name", entry.name).member("dtype", name_of(entry.dtype));
    json.key("shape").begin_array();
    std::string shape;
    for (const std::int64_t extent : entry.shape) {
      json.value(extent);
      shape += str(shape.empty() ? "" : ", ", extent);
    }
    json.end_array().end_object();
    text += str("\ntensor   ", entry.name, "  ", name_of(entry.dtype), " (", shape, ")");
  }
  json.end_array().key("config").raw(to_json(state.config, 0)).end_object();
  print_answer(options.json, json.text(), text);
  return 0;
}

int run_verify(const PathOptions& options) {
  const std::filesystem::path checkpoint = find_checkpoint(options.path);
  verify_checkpoint(checkpoint);
  JsonWriter json(2);
  json.begin_object().member("checkpoint", checkpoint.string()).member("valid", true).end_object();
  print_answer(options.json, json.text(),
               checkpoint.string() + ": every file is as it was written");
  return 0;
}

int run_devices(bool as_json) {
  const Machine machine = this_machine();
  JsonWriter json(2);
  json.begin_object().key("devices").begin_array();
  std::string text;
  const int threads = Context().threads();
  json.begin_object().member("device", "cpu").member("name", machine.cpu);
  json.member("processors", machine.processors).member("memory_bytes", machine.memory_bytes);
  json.member("default_threads", threads).end_object();
  text += str("cpu     ", machine.cpu, ", ", machine.processors, " processors, ", threads,
              " threads by default, ", short_number(machine.memory_bytes), "B\n");
  const CudaDevices gpus = built_with_cuda()
                               ? find_cuda_devices()
                               : CudaDevices{{}, "this program was built without CUDA"};
  for (const CudaDevice& gpu : gpus.devices) {
    const Device device{DeviceType::cuda, gpu.index};
    const auto memory = static_cast<double>(gpu.memory);
    json.begin_object().member("device", str(device)).member("name", gpu.name);
    json.member("capability", gpu.capability).member("multiprocessors", gpu.multiprocessors);
    json.member("memory_bytes", memory).end_object();
    text += str(device, "  ", gpu.name, ", sm_", gpu.capability, ", ", gpu.multiprocessors,
                " multiprocessors, ", short_number(memory), "B\n");
  }
  json.end_array().member("no_gpu", gpus.reason).end_object();
  if (gpus.devices.empty()) text += "no GPU: " + gpus.reason + "\n";
  print_answer(as_json, json.text(), text);
  return 0;
}

/// A verb with one path argument and --json.
CLI::App* add_path_verb(CLI::App& parent, Action& action, const char* name, const char* meaning,
                        const char* argument, const char* argument_meaning,
                        int (*run)(const PathOptions&), std::vector<std::string>** sets = nullptr) {
  auto options = std::make_shared<PathOptions>();
  CLI::App* verb = parent.add_subcommand(name, meaning);
  verb->add_option(argument, options->path, argument_meaning)->required();
  if (sets) *sets = &options->sets;
  add_json(verb, options->json);
  verb->callback([options, run, &action] { action = [options, run] { return run(*options); }; });
  return verb;
}

}  // namespace

void add_plan(CLI::App& app, Action& action) {
  std::vector<std::string>* sets = nullptr;
  CLI::App* verb =
      add_path_verb(app, action, "plan", "Parameters, work and memory of a run; touches no device",
                    "config", "configuration file", run_plan, &sets);
  add_sets(verb, *sets);
  verb->footer(examples({"orchid plan configs/mlm/orchid_bert_base.json",
                         "orchid plan configs/mlm/orchid_bert_large.json --json",
                         "orchid plan configs/glue/orchid_bert_base.json   # every run"}));
}

void add_describe(CLI::App& app, Action& action) {
  CLI::App* verb = add_path_verb(app, action, "describe", "Every configuration key and its meaning",
                                 "section", "a key, such as optimizer; none: all", run_describe);
  verb->get_option("section")->required(false);
  verb->footer(
      examples({"orchid describe optimizer", "orchid describe model.encoder.mixer --json"}));
}

void add_checkpoint(CLI::App& app, Action& action) {
  CLI::App* group = app.add_subcommand("checkpoint", "Look at checkpoints");
  group->require_subcommand(1);
  const std::vector<std::string> commands = {"orchid checkpoint show runs/quickstart",
                                             "orchid checkpoint verify runs/quickstart --json"};
  group->footer(examples(commands));
  const char* path = "run directory (its newest checkpoint), RUN/best, or checkpoint";
  add_path_verb(*group, action, "show", "Step, files, tensors and configuration", "path", path,
                run_show)
      ->footer(examples(commands));
  add_path_verb(*group, action, "verify", "Compare every file with its checksum", "path", path,
                run_verify)
      ->footer(examples(commands));
}

void add_devices(CLI::App& app, Action& action) {
  auto json = std::make_shared<bool>(false);
  CLI::App* verb = app.add_subcommand("devices", "What this machine can compute on");
  add_json(verb, *json);
  verb->footer(examples({"orchid devices", "orchid devices --json"}));
  verb->callback([json, &action] { action = [json] { return run_devices(*json); }; });
}

}  // namespace orchid::train
