#include "train/glue/outcome.h"

#include <cmath>
#include <set>

#include "data/io/atomic_file.h"
#include "train/config/json.h"
#include "train/glue/scoring.h"
#include "train/log/json_writer.h"

namespace orchid::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFile = "glue.json";

Json read_object(const fs::path& file) {
  const Json json = parse_json(read_text(file, ErrorKind::input_data), ErrorKind::input_data);
  ORCHID_CHECK_INPUT(json.is_object(), "expected an object, got ", preview(json));
  return json;
}

const Json& member(const Json& object, const char* key) {
  ORCHID_CHECK_INPUT(object.is_object() && object.contains(key), "expected an object with ", key,
                     ", got ", preview(object));
  return object[key];
}

std::string text_member(const Json& object, const char* key) {
  const Json& value = member(object, key);
  ORCHID_CHECK_INPUT(value.is_string(), key, ": expected text, got ", preview(value));
  return value.get<std::string>();
}

std::uint64_t natural_member(const Json& object, const char* key) {
  const Json& value = member(object, key);
  ORCHID_CHECK_INPUT(value.is_number_unsigned(), key, ": expected a natural number, got ",
                     preview(value));
  return value.get<std::uint64_t>();
}

const Json& list_member(const Json& object, const char* key) {
  const Json& value = member(object, key);
  ORCHID_CHECK_INPUT(value.is_array(), key, ": expected a list, got ", preview(value));
  return value;
}

GlueRun planned_run(const Json& json, const fs::path& directory) {
  GlueRun run;
  run.task = text_member(json, "task");
  glue_scoring(run.task);  // throws for another one
  run.seed = natural_member(json, "seed");
  const std::uint64_t round = natural_member(json, "round");
  ORCHID_CHECK_INPUT(round == 1 || round == 2, "round: expected 1 or 2, got ", round);
  run.round = static_cast<int>(round);
  run.start = text_member(json, "start");
  ORCHID_CHECK_INPUT(run.start == "pretrained" || run.start == "mnli" || run.start == "random",
                     "start: expected pretrained | mnli | random; got \"", run.start, "\"");
  run.directory = directory / text_member(json, "directory");
  return run;
}

/// A run's directory may have been left by another protocol.
void check_config(const GlueRun& run) {
  const fs::path file = run.directory / "config.json";
  with_context(file.string(), [&] {
    const Json config = read_object(file);
    const std::string task = text_member(member(config, "data"), "task");
    const std::uint64_t seed = natural_member(config, "seed");
    ORCHID_CHECK_INPUT(task == run.task && seed == run.seed, "expected task ", run.task,
                       " and seed ", run.seed, " as in ", kFile, ", got ", task, " and ", seed);
    if (!config.contains("init")) return;
    const bool from_checkpoint = !text_member(config["init"], "checkpoint").empty();
    ORCHID_CHECK_INPUT(from_checkpoint == (run.start != "random"), "init.checkpoint: expected ",
                       run.start == "random" ? "none" : "one", ", as the start in ", kFile, " is ",
                       run.start);
  });
}

void read_metrics(const Json& summary, GlueRun& run) {
  constexpr std::string_view kValid = "valid_";
  for (const auto& [key, value] : summary.items()) {
    if (!key.starts_with(kValid) || !is_glue_metric(key.substr(kValid.size()))) continue;
    ORCHID_CHECK_INPUT(value.is_number() || value.is_null(), key, ": expected a number, got ",
                       preview(value));
    run.metrics.emplace_back(key.substr(kValid.size()),
                             value.is_null() ? NAN : value.get<double>());
  }
}

void read_run(GlueRun& run) {
  if (!fs::exists(run.directory / "config.json")) return;
  check_config(run);
  const fs::path file = run.directory / "summary.json";
  if (!fs::exists(file)) return;
  with_context(file.string(), [&] {
    const Json summary = read_object(file);
    run.completed = text_member(summary, "state") == "completed";
    run.steps = static_cast<std::int64_t>(natural_member(summary, "step"));
    const Json& seconds = member(summary, "elapsed_s");
    ORCHID_CHECK_INPUT(seconds.is_number(), "elapsed_s: expected a number, got ", preview(seconds));
    run.seconds = seconds.get<double>();
    read_metrics(summary, run);
  });
}

/// Relative where the protocol's directory holds it, else absolute.
std::string written_path(const fs::path& run, const fs::path& directory) {
  const fs::path whole = fs::absolute(run).lexically_normal();
  const fs::path inside = whole.lexically_relative(fs::absolute(directory).lexically_normal());
  const bool below = !inside.empty() && *inside.begin() != "..";
  return (below ? inside : whole).generic_string();
}

}  // namespace

bool is_protocol(const fs::path& directory) {
  return fs::exists(directory / kFile);
}

void write_protocol(const fs::path& directory, const GlueOutcome& outcome) {
  JsonWriter json(2);
  json.begin_object().member("name", outcome.name).key("runs").begin_array();
  for (const GlueRun& run : outcome.runs) {
    json.begin_object().member("task", run.task).member("seed", run.seed);
    json.member("round", run.round).member("start", run.start);
    json.member("directory", written_path(run.directory, directory)).end_object();
  }
  json.end_array().key("notes").begin_array();
  for (const std::string& note : outcome.notes) json.value(note);
  json.end_array().end_object();
  data::write_file(directory / kFile, json.text() + "\n");
}

GlueOutcome read_protocol(const fs::path& directory) {
  const fs::path file = directory / kFile;
  ORCHID_CHECK_INPUT(fs::exists(file), directory.string(),
                     ": expected the directory of a GLUE protocol, with ", kFile);
  return with_context(file.string(), [&] {
    const Json json = read_object(file);
    GlueOutcome outcome;
    outcome.name = text_member(json, "name");
    std::set<std::pair<std::string, std::uint64_t>> seen;
    const Json& runs = list_member(json, "runs");
    for (std::size_t i = 0; i < runs.size(); ++i) {
      GlueRun run = with_context(str("runs.", i), [&] { return planned_run(runs[i], directory); });
      ORCHID_CHECK_INPUT(seen.emplace(run.task, run.seed).second, "runs.", i, ": task ", run.task,
                         " with seed ", run.seed, " appears twice");
      outcome.runs.push_back(std::move(run));
    }
    for (const Json& note : list_member(json, "notes")) {
      ORCHID_CHECK_INPUT(note.is_string(), "notes: expected texts, got ", preview(note));
      outcome.notes.push_back(note.get<std::string>());
    }
    return outcome;
  });
}

GlueOutcome read_outcome(const fs::path& directory) {
  GlueOutcome outcome = read_protocol(directory);
  for (GlueRun& run : outcome.runs) read_run(run);
  return outcome;
}

}  // namespace orchid::train
