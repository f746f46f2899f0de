#include "train/summary.h"

#include <cstdio>

#include "train/bench/bench.h"
#include "train/log/console.h"
#include "train/log/json_writer.h"
#include "train/log/machine.h"
#include "train/version.h"

namespace orchid::train {
namespace {

void write_results(JsonWriter& json, const Trainer& trainer) {
  const Progress& progress = trainer.progress();
  if (trainer.last_metrics())
    for (const auto& [key, value] : trainer.last_metrics()->values)
      for (const char* wanted :
           {"loss", "accuracy", "learning_rate", "grad_norm", "tokens_per_s", "samples_per_s"})
        if (key == wanted) json.member("train_" + key, value);
  if (progress.valid_loss) json.member("valid_loss", *progress.valid_loss);
  for (const auto& [name, value] : progress.figures) json.member(name, value);
  if (progress.best_valid_loss)
    json.member("best_valid_loss", *progress.best_valid_loss)
        .member("best_step", progress.best_step);
}

void write_machine(JsonWriter& json, const Context& ctx) {
  const Machine machine = this_machine();
  json.key("machine").begin_object().member("host", machine.host).member("cpu", machine.cpu);
  json.member("processors", machine.processors).member("threads", ctx.threads());
  json.member("memory_bytes", machine.memory_bytes).member("device", str(ctx.device()));
  json.end_object();
  json.key("versions").begin_object().member("orchid", program_version());
  json.member("commit", program_commit()).member("compiler", compiler_version()).end_object();
}

void write_trace(JsonWriter& json, const Trainer& trainer) {
  const double steps = trainer.step_seconds();
  json.key("trace").begin_object().member("step_seconds", steps);
  json.member("outside_ops_share", 1 - trainer.trace().total_seconds() / steps);
  json.key("ops").begin_array();
  for (const Trace::Entry& entry : trainer.trace().entries()) {
    json.begin_object().member("op", entry.name).member("calls", entry.calls);
    json.member("seconds", entry.seconds).member("share", entry.seconds / steps).end_object();
  }
  json.end_array().end_object();
}

}  // namespace

std::string summary_json(const Assembly& parts, const Trainer& trainer, const std::string& state,
                         const std::string& error) {
  const Progress& progress = trainer.progress();
  JsonWriter json(2);
  json.begin_object().member("name", parts.config.name).member("state", state);
  if (!error.empty()) json.member("error", error);
  json.member("step", progress.step).member("steps", parts.config.schedule.steps);
  write_results(json, trainer);
  json.member("samples", progress.samples);
  if (!parts.pictures()) json.member("tokens", progress.tokens);
  json.member("skipped_steps", progress.skipped).member("elapsed_s", progress.elapsed_s);
  json.member("parameters", trainer.optimizer().parameter_count());
  json.member("ranks", parts.comm->world());
  json.member("moment_bytes", trainer.optimizer().moment_bytes());  // on the first rank
  json.member("seed", parts.config.seed).member("peak_bytes", peak_bytes(parts.ctx));
  write_machine(json, parts.ctx);
  if (trainer.traced()) write_trace(json, trainer);
  return json.end_object().text() + "\n";
}

std::string summary_text(const Assembly& parts, const Trainer& trainer, const std::string& state) {
  const Progress& progress = trainer.progress();
  std::string text = str(parts.config.name, ": ", state, " at step ", progress.step, " of ",
                         parts.config.schedule.steps, " after ", duration_text(progress.elapsed_s));
  if (trainer.last_metrics())
    text += str("\ntraining loss    ", trainer.last_metrics()->values[0].second);
  if (progress.valid_loss)
    text += str("\nvalidation loss  ", *progress.valid_loss, " at step ", progress.evaluated_step);
  for (const auto& [name, value] : progress.figures) {
    const bool entropy = name == "valid_unigram_entropy";
    const std::string label = entropy ? "word frequencies" : name.substr(name.find('_') + 1);
    text += str("\n", label, std::string(label.size() < 16 ? 17 - label.size() : 1, ' '), value);
  }
  if (progress.skipped > 0) text += str("\nskipped steps    ", progress.skipped);
  if (!trainer.traced()) return text;
  const double steps = trainer.step_seconds();
  const auto row = [&](const std::string& name, double seconds, std::int64_t calls) {
    char line[128];
    std::snprintf(line, sizeof line, "\n%-26s %9.3f s  %5.1f %%", name.c_str(), seconds,
                  100 * seconds / steps);
    text += line;
    if (calls > 0) text += str("  ", calls, " calls");
  };
  for (const Trace::Entry& entry : trainer.trace().entries())
    row(entry.name, entry.seconds, entry.calls);
  row("outside ops", steps - trainer.trace().total_seconds(), 0);
  return text;
}

}  // namespace orchid::train
