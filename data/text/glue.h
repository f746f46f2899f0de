#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "data/text/labelled_text.h"

namespace orchid::data {

/// One file of a task: tab-separated, without quoting.
struct GluePart {
  std::string name;         ///< "train", "dev", "dev_mismatched", "test" or "test_mismatched"
  std::string file;         ///< in the directory of the task
  std::int64_t rows;        ///< of the official release
  std::string columns;      ///< their names, separated by tabs
  bool header;              ///< the first line holds the names
  std::array<int, 2> text;  ///< columns of the texts, from 0; the second is -1 for single texts
  int label;                ///< column; -1: the part has no labels
  int id = -1;              ///< column; -1: the row's number, from 0
};

/// One of the sets of the GLUE benchmark.
struct GlueTask {
  std::string name;                 ///< "cola", ...
  std::string directory;            ///< "CoLA", ...
  std::vector<std::string> labels;  ///< names of the classes by number; empty: a regression, 0 to 5
  bool pair;                        ///< two texts an example
  bool digits;  ///< files and submissions write a class as its number, not its name
  std::vector<GluePart> parts;
  /// What the official files of this task are known or likely to hold is no error:
  bool broken_rows = false;   ///< labelled rows of another number of columns or no label: skipped
  bool empty_texts = false;   ///< kept
  std::string no_label = {};  ///< rows with this label are skipped

  bool regression() const { return labels.empty(); }
};

/// "cola", "sst2", "mrpc", "qqp", "stsb", "mnli", "qnli", "rte", "wnli", "ax".
std::span<const GlueTask> glue_tasks();
/// A usage Error that lists the names if there is no such task.
const GlueTask& glue_task(const std::string& name);
/// The same for the parts of a task.
const GluePart& glue_part(const GlueTask& task, const std::string& name);

struct GlueRows {
  std::vector<TextExample> examples;  ///< in the order of the file
  /// What is out of the ordinary, with counts and the first line: rows skipped, another number of
  /// rows than the official one.
  std::vector<std::string> notes;
};

/// Reads root/<directory>/<file> of a part. Where MRPC's files are absent, the corpus they were
/// made from serves: msr_paraphrase_train.txt with dev_ids.tsv, msr_paraphrase_test.txt.
/// Errors of kind input_data name the file and the line.
GlueRows read_glue(const GlueTask& task, const std::filesystem::path& root,
                   const std::string& part);

}  // namespace orchid::data
