#pragma once

#include "data/text/glue.h"
#include "tests/data/fixtures.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"
#include "train/assemble.h"
#include "train/config/load.h"
#include "train/run_directory.h"
#include "train/trainer.h"

namespace orchid::test {

/// A folder with small sets of GLUE and a vocabulary, and runs on them.
class TinyGlue {
 public:
  TinyGlue() { spit(vocabulary(), data::Vocabulary(tiny_pieces()).text()); }

  std::filesystem::path path() const { return dir_.path(); }
  std::filesystem::path vocabulary() const { return dir_ / "vocab.txt"; }

  /// Training data of `rows` made-up rows, and half as many to evaluate on.
  void write(const std::string& name, std::int64_t rows) const {
    const data::GlueTask& task = data::glue_task(name);
    for (const data::GluePart& part : task.parts)
      if (part.label >= 0) write_part(task, part, part.name == "train" ? rows : (rows + 1) / 2);
  }

  /// A run on `task` with a model of one layer.
  train::RunConfig config(const std::string& task,
                          const std::vector<std::string>& sets = {}) const {
    const data::GlueTask& set = data::glue_task(task);
    std::vector<std::string> all = {
        "data.directory=" + dir_.path().string(), "data.task=" + task,
        "data.vocabulary=" + vocabulary().string(),
        set.regression() ? "task.type=regression" : "task.type=classification"};
    if (!set.regression()) all.push_back(str("task.classes=", set.labels.size()));
    all.insert(all.end(), sets.begin(), sets.end());
    return train::parse_config(
        R"({"name": "a", "device": "cpu", "threads": 1,
            "model": {"type": "bert", "vocabulary": 48, "length": 12, "encoder": {"width": 8,
              "layers": 1, "mlp": {"blocks": 2, "expansion": 2},
              "mixer": {"type": "orchid", "filter": {"width": 6, "inner_layers": 1}}}},
            "task": {"type": "classification", "pooling": "mean"}, "data": {"type": "glue", "length": 12, "threads": 0},
            "schedule": {"epochs": 3, "final_fraction": 0},
            "optimizer": {"learning_rate": 0.01}, "batch": {"global": 8, "per_device": 8}})",
        "test", all);
  }

 private:
  void write_part(const data::GlueTask& task, const data::GluePart& part, std::int64_t rows) const {
    const auto columns = std::count(part.columns.begin(), part.columns.end(), '\t') + 1;
    std::string text = part.header ? part.columns + "\n" : "";
    for (std::int64_t row = 0; row < rows; ++row)
      for (std::ptrdiff_t column = 0; column < columns; ++column) {
        std::string cell = "x";
        if (column == part.id) cell = std::to_string(row);
        if (column == part.text[0]) cell = sentence(row);
        if (column == part.text[1]) cell = sentence(3 * row + 1);
        if (column == part.label) cell = label(task, row);
        text += cell + (column + 1 == columns ? "\n" : "\t");
      }
    spit(dir_ / task.directory / part.file, text);
  }
  static std::string label(const data::GlueTask& task, std::int64_t row) {
    if (task.regression()) return str(static_cast<double>(row % 11) / 2);
    const auto number = static_cast<std::size_t>(row) % task.labels.size();
    return task.digits ? std::to_string(number) : task.labels[number];
  }
  static std::string sentence(std::int64_t number) {
    constexpr const char* kWords[] = {"the", "cat", "dog", "sat", "ran", "on", "mat"};
    std::string text;
    for (std::int64_t i = 0; i < 1 + number % 4; ++i)
      text += str(i > 0 ? " " : "", kWords[(3 * number + 5 * i) % 7]);
    return text;
  }

  TempDir dir_;
};

/// One process of a run: makes or resumes it, trains up to `last_step` steps in all, and saves.
/// Calls `after_each` step if it is given.
inline void train_until(const train::RunConfig& config, const std::filesystem::path& directory,
                        std::int64_t last_step,
                        const std::function<void(const train::Trainer&)>& after_each = {}) {
  using namespace train;
  const FoundRun found = find_run(config, directory, true);
  const auto parts = found.checkpoint
                         ? assemble_for(found.checkpoint->directory, config, AssembleFor::training)
                         : assemble(config, AssembleFor::training);
  const RunDirectory run(found, config);
  RunOutput output(run, found.checkpoint ? found.checkpoint->state.progress : Progress{},
                   parts->config.schedule.steps);
  Trainer trainer(*parts, output, found.checkpoint ? &*found.checkpoint : nullptr);
  if (!after_each) trainer.run(last_step);
  for (std::int64_t step = trainer.progress().step; after_each && step < last_step; ++step) {
    trainer.run(step + 1);
    after_each(trainer);
  }
}

}  // namespace orchid::test
