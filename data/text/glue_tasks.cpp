#include <algorithm>

#include "data/text/glue.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

const char* const kPair = "index\tsentence1\tsentence2";
const char* const kLabelledPair = "index\tsentence1\tsentence2\tlabel";
const char* const kSentence = "index\tsentence";

std::vector<GluePart> mnli_parts() {
  const std::string test =
      "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\t"
      "sentence1_parse\tsentence2_parse\tsentence1\tsentence2";
  const std::string train = test + "\tlabel1\tgold_label";
  const std::string dev = test + "\tlabel1\tlabel2\tlabel3\tlabel4\tlabel5\tgold_label";
  return {{"train", "train.tsv", 392702, train, true, {8, 9}, 11, 0},
          {"dev", "dev_matched.tsv", 9815, dev, true, {8, 9}, 15, 0},
          {"dev_mismatched", "dev_mismatched.tsv", 9832, dev, true, {8, 9}, 15, 0},
          {"test", "test_matched.tsv", 9796, test, true, {8, 9}, -1, 0},
          {"test_mismatched", "test_mismatched.tsv", 9847, test, true, {8, 9}, -1, 0}};
}

std::vector<GluePart> qqp_parts() {
  const std::string labelled = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate";
  return {{"train", "train.tsv", 363846, labelled, true, {3, 4}, 5, 0},
          {"dev", "dev.tsv", 40430, labelled, true, {3, 4}, 5, 0},
          {"test", "test.tsv", 390965, "id\tquestion1\tquestion2", true, {1, 2}, -1, 0}};
}

std::vector<GluePart> mrpc_parts() {
  const std::string labelled = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String";
  const std::string test = "index\t#1 ID\t#2 ID\t#1 String\t#2 String";
  return {{"train", "train.tsv", 3668, labelled, true, {3, 4}, 0},
          {"dev", "dev.tsv", 408, labelled, true, {3, 4}, 0},
          {"test", "test.tsv", 1725, test, true, {3, 4}, -1, 0}};
}

std::vector<GluePart> stsb_parts() {
  const std::string test =
      "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2";
  const std::string labelled = test + "\tscore";
  return {{"train", "train.tsv", 5749, labelled, true, {7, 8}, 9, 0},
          {"dev", "dev.tsv", 1500, labelled, true, {7, 8}, 9, 0},
          {"test", "test.tsv", 1379, test, true, {7, 8}, -1, 0}};
}

std::vector<GluePart> cola_parts() {
  // The third column repeats the label as the author of the sentence marked it: * or nothing.
  const std::string labelled = "source\tlabel\tmark\tsentence";
  return {{"train", "train.tsv", 8551, labelled, false, {3, -1}, 1},
          {"dev", "dev.tsv", 1043, labelled, false, {3, -1}, 1},
          {"test", "test.tsv", 1063, kSentence, true, {1, -1}, -1, 0}};
}

std::vector<GluePart> sst2_parts() {
  return {{"train", "train.tsv", 67349, "sentence\tlabel", true, {0, -1}, 1},
          {"dev", "dev.tsv", 872, "sentence\tlabel", true, {0, -1}, 1},
          {"test", "test.tsv", 1821, kSentence, true, {1, -1}, -1, 0}};
}

std::vector<GluePart> qnli_parts() {
  const std::string test = "index\tquestion\tsentence", labelled = test + "\tlabel";
  return {{"train", "train.tsv", 104743, labelled, true, {1, 2}, 3, 0},
          {"dev", "dev.tsv", 5463, labelled, true, {1, 2}, 3, 0},
          {"test", "test.tsv", 5463, test, true, {1, 2}, -1, 0}};
}

/// RTE and WNLI.
std::vector<GluePart> pair_parts(std::int64_t train, std::int64_t dev, std::int64_t test) {
  return {{"train", "train.tsv", train, kLabelledPair, true, {1, 2}, 3, 0},
          {"dev", "dev.tsv", dev, kLabelledPair, true, {1, 2}, 3, 0},
          {"test", "test.tsv", test, kPair, true, {1, 2}, -1, 0}};
}

std::vector<GlueTask> make_tasks() {
  constexpr bool kTexts = false, kPairs = true, kDigits = true, kNames = false;
  const std::vector<std::string> three{"entailment", "neutral", "contradiction"};
  const std::vector<std::string> two{"entailment", "not_entailment"};
  std::vector<GlueTask> tasks{
      {"cola", "CoLA", {"unacceptable", "acceptable"}, kTexts, kDigits, cola_parts()},
      {"sst2", "SST-2", {"negative", "positive"}, kTexts, kDigits, sst2_parts()},
      {"mrpc", "MRPC", {"not_equivalent", "equivalent"}, kPairs, kDigits, mrpc_parts()},
      {"qqp", "QQP", {"not_duplicate", "duplicate"}, kPairs, kDigits, qqp_parts()},
      {"stsb", "STS-B", {}, kPairs, kNames, stsb_parts()},
      {"mnli", "MNLI", three, kPairs, kNames, mnli_parts()},
      {"qnli", "QNLI", two, kPairs, kNames, qnli_parts()},
      {"rte", "RTE", two, kPairs, kNames, pair_parts(2490, 277, 3000)},
      {"wnli", "WNLI", {"not_entailment", "entailment"}, kPairs, kDigits, pair_parts(635, 71, 146)},
      {"ax",
       "AX",
       three,
       kPairs,
       kNames,
       {{"test", "diagnostic.tsv", 1104, kPair, true, {1, 2}, -1, 0}}}};
  for (GlueTask& task : tasks) {
    task.empty_texts = task.name == "qqp" || task.name == "mnli" || task.name == "qnli";
    // Line ends within questions break rows of QQP.
    task.broken_rows = task.name == "qqp";
    // In the original MultiNLI, a row whose annotators did not agree.
    if (task.name == "mnli") task.no_label = "-";
  }
  return tasks;
}

/// Lower case, letters and digits alone: "SST-2" and "sst2" are alike.
std::string plain(const std::string& name) {
  std::string text;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') text += static_cast<char>(c + 32);
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) text += c;
  }
  return text;
}

/// The entry of this name; a usage Error if there is none.
template <class Entry>
const Entry& find(std::span<const Entry> entries, const std::string& name,
                  const std::string& what) {
  std::string names, hint;
  for (const Entry& entry : entries) {
    if (entry.name == name) return entry;
    names += (names.empty() ? "" : ", ") + entry.name;
    if (plain(entry.name) == plain(name)) hint = "; did you mean \"" + entry.name + "\"?";
  }
  throw Error(str(what, ": expected one of ", names, ", got \"", name, "\"", hint),
              ErrorKind::usage);
}

}  // namespace

std::span<const GlueTask> glue_tasks() {
  static const std::vector<GlueTask> tasks = make_tasks();
  return tasks;
}

const GlueTask& glue_task(const std::string& name) {
  return find(glue_tasks(), name, "GLUE task");
}

const GluePart& glue_part(const GlueTask& task, const std::string& name) {
  return find(std::span<const GluePart>(task.parts), name, "GLUE part of " + task.name);
}

}  // namespace orchid::data
