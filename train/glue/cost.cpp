#include "train/glue/cost.h"

#include <cstdio>

#include "data/text/glue.h"
#include "train/assemble.h"
#include "train/bench/bench.h"
#include "train/config/json.h"
#include "train/log/console.h"
#include "train/log/json_writer.h"

namespace orchid::train {
namespace {

namespace fs = std::filesystem;

/// Share of the product rate that a training step reaches on a CPU.
constexpr double kOfProductRate = 0.5;

/// tokens_per_s of the run a checkpoint belongs to; 0 if its summary does not tell.
double measured_pace(const std::string& checkpoint) {
  if (checkpoint.empty()) return 0;
  const fs::path path(checkpoint);
  for (const fs::path& run : {path, path.parent_path().parent_path()}) {
    if (!fs::exists(run / "summary.json")) continue;
    const Json summary =
        parse_json(read_text(run / "summary.json", ErrorKind::input_data), ErrorKind::input_data);
    const auto found = summary.find("train_tokens_per_s");
    if (found != summary.end() && found->is_number()) return found->get<double>();
  }
  return 0;
}

double rows_of(const std::string& task, const std::string& prefix) {
  double rows = 0;
  for (const data::GluePart& part : data::glue_task(task).parts)
    if (part.name.starts_with(prefix)) rows += static_cast<double>(part.rows);
  return rows;
}

GlueRunCost run_cost(const PlannedRun& planned, double tokens_per_s) {
  const auto length = static_cast<double>(std::get<GlueDataConfig>(planned.config.data).length);
  const auto epochs = static_cast<double>(planned.config.schedule.epochs);
  GlueRunCost cost{.steps = steps_of(planned)};
  cost.tokens = epochs * static_cast<double>(planned.rows) * length;
  const std::int64_t every = planned.config.evaluate_every;
  const auto evaluations = static_cast<double>(1 + (every > 0 ? (cost.steps - 1) / every : 0));
  const double evaluated = evaluations * rows_of(planned.run.task, "dev") * length;
  cost.seconds = (cost.tokens + evaluated / 3) / tokens_per_s;
  return cost;
}

}  // namespace

double GlueCost::seconds() const {
  double sum = 0;
  for (const GlueRunCost& run : runs) sum += run.seconds;
  return sum;
}

GluePlan plan_unread(const RunConfig& config) {
  const fs::path root = std::get<GlueDataConfig>(config.data).directory;
  return plan_glue(config, fs::path("runs") / config.name, [&](const std::string& task) {
    const bool absent =
        fs::is_directory(root) && !fs::is_directory(root / data::glue_task(task).directory);
    return absent ? 0 : official_rows(task);
  });
}

GlueCost cost_of(const RunConfig& config, const GluePlan& plan) {
  GlueCost cost{.one = plan_run(plan.runs.front().config), .runs = {}, .pace_from = {}};
  cost.tokens_per_s = measured_pace(config.init.checkpoint);
  cost.pace_from = "as measured in " + config.init.checkpoint;
  if (cost.tokens_per_s == 0) {
    RunConfig on_cpu = config;
    on_cpu.device = "cpu";
    on_cpu.precision = Precision::f32;
    Context ctx = make_context(on_cpu);
    const RunConfig& first = plan.runs.front().config;
    const auto tokens =
        static_cast<double>(first.batch.global * std::get<GlueDataConfig>(first.data).length);
    const double rate = measure_gemm_gflop_s(ctx) * 1e9 * kOfProductRate;
    cost.tokens_per_s = rate / (cost.one.flops_per_step / tokens);
    cost.pace_from = "at half the product rate of this CPU";
  }
  for (const PlannedRun& planned : plan.runs)
    cost.runs.push_back(run_cost(planned, cost.tokens_per_s));
  cost.disk_bytes = static_cast<double>(std::ssize(plan.runs) * config.checkpoint.keep) * 12 *
                    static_cast<double>(cost.one.model.parameters);
  return cost;
}

std::string glue_plan_json(const RunConfig& config, const GluePlan& plan, const GlueCost& cost) {
  JsonWriter json(2);
  json.begin_object().member("name", config.name);
  json.member("parameters", cost.one.model.parameters);
  json.member("memory_bytes", cost.one.total_bytes()).member("disk_bytes", cost.disk_bytes);
  json.member("tokens_per_s", cost.tokens_per_s).member("pace", cost.pace_from);
  json.member("seconds", cost.seconds()).key("runs").begin_array();
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    const auto& [run, run_config, waits, rows] = plan.runs[i];
    json.begin_object().member("task", run.task).member("seed", run.seed);
    json.member("round", run.round).member("start", run.start).member("rows", rows);
    json.member("epochs", run_config.schedule.epochs).member("batch", run_config.batch.global);
    json.member("steps", cost.runs[i].steps).member("tokens", cost.runs[i].tokens);
    json.member("seconds", cost.runs[i].seconds).end_object();
  }
  json.end_array().key("notes").begin_array();
  for (const std::string& note : plan.notes) json.value(note);
  return json.end_array().end_object().text();
}

std::string glue_plan_text(const RunConfig& config, const GluePlan& plan, const GlueCost& cost) {
  std::string text = str(config.name,
                         "\n\ntask  seed    round  start         rows  epochs  batch    "
                         "steps    time\n");
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    const auto& [run, run_config, waits, rows] = plan.runs[i];
    char line[160];
    std::snprintf(
        line, sizeof line, "%-5s %-7llu %5d  %-10s %7lld %7lld %6lld %8lld  %s\n", run.task.c_str(),
        static_cast<unsigned long long>(run.seed), run.round, run.start.c_str(),
        static_cast<long long>(rows), static_cast<long long>(run_config.schedule.epochs),
        static_cast<long long>(run_config.batch.global), static_cast<long long>(cost.runs[i].steps),
        duration_text(cost.runs[i].seconds).c_str());
    text += line;
  }
  text += str("\n", plan.runs.size(), " runs    ", duration_text(cost.seconds()),
              " one after the other, at ", short_number(cost.tokens_per_s), " tokens/s, ",
              cost.pace_from);
  text += str("\nmodel      ", cost.one.model.parameters, " parameters, ",
              short_number(cost.one.total_bytes()), "B of memory a run, ",
              short_number(cost.disk_bytes), "B of checkpoints in the end");
  for (const std::string& note : plan.notes) text += "\nnote       " + note;
  return text;
}

}  // namespace orchid::train
