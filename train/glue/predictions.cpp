#include "train/glue/predictions.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "data/io/atomic_file.h"
#include "train/assemble.h"
#include "train/config/json.h"
#include "train/glue/submission.h"
#include "train/log/json_writer.h"
#include "train/signals.h"

namespace orchid::train {
namespace {

namespace fs = std::filesystem;

/// A test set: which part of which task, and the leaderboard's file for it.
struct TestSet {
  const char* task;
  const char* part;
  const char* file;
  const char* model;  ///< the task whose runs predict it
};
constexpr TestSet kTestSets[] = {
    {"cola", "test", "CoLA.tsv", "cola"},
    {"sst2", "test", "SST-2.tsv", "sst2"},
    {"mrpc", "test", "MRPC.tsv", "mrpc"},
    {"stsb", "test", "STS-B.tsv", "stsb"},
    {"qqp", "test", "QQP.tsv", "qqp"},
    {"mnli", "test", "MNLI-m.tsv", "mnli"},
    {"mnli", "test_mismatched", "MNLI-mm.tsv", "mnli"},
    {"qnli", "test", "QNLI.tsv", "qnli"},
    {"rte", "test", "RTE.tsv", "rte"},
    {"wnli", "test", "WNLI.tsv", "wnli"},
    {"ax", "test", "AX.tsv", "mnli"},
};

/// Which weights each file of a submission comes from: their checkpoint and checksum.
using Sources = std::map<std::string, std::string>;

Sources read_sources(const fs::path& file) {
  Sources sources;
  if (!fs::exists(file)) return sources;
  return with_context(file.string(), [&] {
    const Json json = parse_json(read_text(file, ErrorKind::input_data), ErrorKind::input_data);
    for (const auto& [name, source] : json.items()) {
      ORCHID_CHECK_INPUT(source.is_string(), name, ": expected text, got ", preview(source));
      sources[name] = source.get<std::string>();
    }
    return sources;
  });
}

std::string source_of(const fs::path& checkpoint, const fs::path& directory) {
  return str(checkpoint.lexically_relative(directory).string(), ", checksum ",
             read_state(checkpoint).files.at(kModelFile).checksum);
}

void write_sources(const fs::path& file, const Sources& sources) {
  JsonWriter json(2);
  json.begin_object();
  for (const auto& [name, source] : sources) json.member(name, source);
  data::write_file(file, json.end_object().text() + "\n");
}

/// The first of the runs with the best score; null without a completed one.
const GlueRun* best_run(const GlueSummary& summary, const std::string& task) {
  const GlueRunScore* best = nullptr;
  for (const GlueTaskSummary& of_task : summary.tasks)
    for (const GlueRunScore& score : of_task.runs) {
      if (of_task.task != task || !score.run.completed) continue;
      if (!best || std::isnan(best->paper) || score.paper > best->paper) best = &score;
    }
  return best ? &best->run : nullptr;
}

bool stop_requested() {
  return StopSignals::received() != 0;
}

/// Writes nothing if a signal comes.
void predict(const fs::path& checkpoint, const TestSet& set, const fs::path& file,
             std::vector<std::string>& notes) {
  const auto parts = load_checkpoint(checkpoint, AssembleFor::model_alone, {});
  const data::GlueTask& task = data::glue_task(set.task);
  const auto texts = open_unlabelled(parts->config, task, set.part, parts->data.vocabulary, notes);
  const std::vector<std::vector<double>> answers = predict_all(
      parts->ctx, *parts->model, *parts->task, *texts, parts->evaluation_options(), stop_requested);
  if (stop_requested()) return;
  if (task.regression()) {
    std::vector<double> scores;
    for (const auto& answer : answers) scores.push_back(answer[0]);
    return write_submission(file, scores);
  }
  std::vector<std::int32_t> classes;
  for (const auto& answer : answers)
    classes.push_back(
        static_cast<std::int32_t>(std::max_element(answer.begin(), answer.end()) - answer.begin()));
  write_submission(file, classes, task.labels);
}

}  // namespace

std::vector<std::string> write_submissions(const fs::path& directory, const GlueSummary& summary,
                                           Console& console) {
  const fs::path folder = directory / "submission", sources_file = folder / "sources.json";
  Sources sources = read_sources(sources_file);
  std::vector<std::string> notes;
  bool told = false;
  for (const TestSet& set : kTestSets) {
    const GlueRun* run = best_run(summary, set.model);
    if (!run) continue;
    const fs::path checkpoint = find_checkpoint(run->directory), file = folder / set.file;
    const std::string source = source_of(checkpoint, directory);
    if (fs::exists(file) && sources[set.file] == source) continue;
    fs::create_directories(folder);
    if (!std::exchange(told, true)) console.note("predicting the test sets");
    console.line(set.file);
    try {
      predict(checkpoint, set, file, notes);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::input_data) throw;
      notes.push_back(str(set.file, " was not written: ", error.what()));
      continue;
    }
    if (stop_requested()) break;
    sources[set.file] = source;
    write_sources(sources_file, sources);
  }
  return notes;
}

}  // namespace orchid::train
