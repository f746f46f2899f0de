#include "data/text/glue.h"

#include "kernels/core/philox.h"
#include "tests/data/fixtures.h"
#include "tests/support/temp_dir.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace fs = std::filesystem;

namespace {

const std::string kMnliHeader =
    "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\t"
    "sentence1_parse\tsentence2_parse\tsentence1\tsentence2";
const std::string kQqpHeader = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate";
const std::string kStsbHeader =
    "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore";

/// Reads a part whose file holds `content`.
GlueRows read_as(const std::string& name, const std::string& part, const std::string& content) {
  const TempDir dir;
  const GlueTask& task = glue_task(name);
  fs::create_directory(dir / task.directory);
  write_text(dir / task.directory / glue_part(task, part).file, content);
  return read_glue(task, dir.path(), part);
}

void refuse(const std::string& name, const std::string& part, const std::string& content,
            const std::vector<std::string>& words) {
  INFO(name << " " << part << ": " << content);
  std::vector<std::string> all{glue_part(glue_task(name), part).file};
  all.insert(all.end(), words.begin(), words.end());
  require_error(ErrorKind::input_data, all, [&] { read_as(name, part, content); });
}

/// The notes without the file in front, and without the one about the official number of rows,
/// which a made-up file always has.
std::vector<std::string> oddities(const GlueRows& rows) {
  std::vector<std::string> texts;
  for (const std::string& note : rows.notes)
    if (note.find("official") == note.npos) texts.push_back(note.substr(note.find(".tsv: ") + 6));
  return texts;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("the table of GLUE is that of the benchmark", "[data][glue]") {
  Texts names;
  for (const GlueTask& task : glue_tasks()) {
    names.push_back(task.name);
    INFO(task.name);
    for (const GluePart& part : task.parts) {
      INFO(part.name);
      const auto columns = std::count(part.columns.begin(), part.columns.end(), '\t') + 1;
      CHECK(part.text[0] >= 0);
      CHECK((part.text[1] > part.text[0]) == task.pair);
      CHECK(std::max({part.text[0], part.text[1], part.label, part.id}) < columns);
      CHECK((part.label >= 0) == (part.name.find("test") == part.name.npos));
    }
  }
  CHECK(names == Texts{"cola", "sst2", "mrpc", "qqp", "stsb", "mnli", "qnli", "rte", "wnli", "ax"});
  const GlueTask& mnli = glue_task("mnli");
  CHECK(mnli.labels == Texts{"entailment", "neutral", "contradiction"});
  CHECK(glue_part(mnli, "train").label == 11);
  CHECK(glue_part(mnli, "dev").label == 15);
  CHECK(glue_part(mnli, "dev_mismatched").rows == 9832);
  CHECK(glue_task("stsb").regression());
  CHECK_FALSE(glue_task("wnli").regression());
  CHECK(glue_task("wnli").labels == Texts{"not_entailment", "entailment"});
  CHECK(glue_task("qnli").labels == Texts{"entailment", "not_entailment"});
}

TEST_CASE("an unknown task or part is a usage error that lists what there is", "[data][glue]") {
  require_error(ErrorKind::usage, {"cola, sst2", "\"SST-2\"", "did you mean \"sst2\""},
                [] { glue_task("SST-2"); });
  require_error(ErrorKind::usage, {"wnli, ax", "got \"squad\""}, [] { glue_task("squad"); });
  require_error(ErrorKind::usage, {"rte", "train, dev, test", "\"dev_mismatched\""},
                [] { glue_part(glue_task("rte"), "dev_mismatched"); });
  require_error(ErrorKind::usage, {"ax", "expected one of test"},
                [] { read_glue(glue_task("ax"), "/", "train"); });
}

TEST_CASE("CoLA has no header and an empty column", "[data][glue]") {
  const GlueRows rows =
      read_as("cola", "train", "gj04\t1\t\tOne \"sentence.\nks08\t0\t*\tAnother, it ran");
  REQUIRE(rows.examples.size() == 2);
  CHECK(rows.examples[0].first == "One \"sentence.");
  CHECK(rows.examples[0].label == 1);
  CHECK(rows.examples[1].first == "Another, it ran");
  CHECK(rows.examples[1].label == 0);
  CHECK(rows.examples[1].id == "1");
  REQUIRE(rows.notes.size() == 1);
  CHECK(rows.notes[0].ends_with("CoLA/train.tsv: 2 rows, official 8551"));
  const GlueRows test = read_as("cola", "test", "index\tsentence\n12\tA text\n");
  CHECK(test.examples[0].first == "A text");
  CHECK(test.examples[0].id == "12");
  CHECK(test.examples[0].label == -1);
}

TEST_CASE("quotes, line ends and marks of other systems change nothing", "[data][glue]") {
  const Texts rows{"index\tsentence1\tsentence2\tlabel", "0\t\"a\t\"\"b\" c\tentailment",
                   "1\tnext\u2028line \u0085 \x0B and\x0C more\t'\tnot_entailment"};
  const std::string mark = "\xEF\xBB\xBF";
  const std::string plain = rows[0] + "\n" + rows[1] + "\n" + rows[2] + "\n";
  const std::string windows = mark + rows[0] + "\r\n" + rows[1] + "\r\n" + rows[2];
  for (const std::string& content : {plain, windows, plain.substr(0, plain.size() - 1)}) {
    const GlueRows read = read_as("rte", "train", content);
    REQUIRE(read.examples.size() == 2);
    CHECK(read.examples[0].first == "\"a");
    CHECK(read.examples[0].second == "\"\"b\" c");
    CHECK(read.examples[0].label == 0);
    CHECK(read.examples[1].first == "next\u2028line \u0085 \x0B and\x0C more");
    CHECK(read.examples[1].second == "'");
    CHECK(read.examples[1].label == 1);
    CHECK(oddities(read).empty());
  }
}

TEST_CASE("MNLI takes the last column for the label", "[data][glue]") {
  const std::string parses = "\tg\tb1\tb2\tp1\tp2\t";
  const GlueRows train =
      read_as("mnli", "train",
              kMnliHeader + "\tlabel1\tgold_label\n" +                                     //
                  "0\t1\t1n" + parses + "A man.\tHe ran.\tneutral\tneutral\n" +            //
                  "1\t2\t2c" + parses + "It sat.\tIt ran.\tentailment\tcontradiction\n" +  //
                  "2\t3\t3e" + parses + "It sat.\t\tentailment\t-\n" +                     //
                  "3\t4\t4e" + parses + "It sat.\t\tentailment\tentailment\n" +            //
                  "4\t5\t5e" + parses + "Who?\tYou\tcontradiction\t-\n");
  REQUIRE(train.examples.size() == 3);
  CHECK(train.examples[0].first == "A man.");
  CHECK(train.examples[0].second == "He ran.");
  CHECK(train.examples[0].label == 1);
  CHECK(train.examples[1].label == 2);
  CHECK(train.examples[2].label == 0);
  CHECK(train.examples[2].id == "3");
  CHECK(oddities(train) == Texts{"rows skipped, label \"-\": 2, the first at line 4",
                                 "empty texts kept, sentence2: 1, the first at line 5"});
  const std::string dev_header =
      kMnliHeader + "\tlabel1\tlabel2\tlabel3\tlabel4\tlabel5\tgold_label";
  const std::string row = "7\t1\t1n" + parses + "A man.\tHe ran.\tneutral\tneutral\tentailment\t" +
                          "neutral\tneutral\tcontradiction\n";
  for (const char* part : {"dev", "dev_mismatched"}) {
    const GlueRows dev = read_as("mnli", part, dev_header + "\n" + row);
    CHECK(dev.examples.at(0).label == 2);
    CHECK(dev.examples.at(0).second == "He ran.");
  }
  for (const char* part : {"test", "test_mismatched"}) {
    const GlueRows test =
        read_as("mnli", part, kMnliHeader + "\n9847\t1\t1n" + parses + "A man.\tHe ran.\n");
    CHECK(test.examples.at(0).label == -1);
    CHECK(test.examples.at(0).first == "A man.");
    CHECK(test.examples.at(0).id == "9847");
  }
  refuse("mnli", "dev", kMnliHeader + "\tlabel1\tgold_label\n" + row,
         {"line 1", "16 columns", "got 12"});
  refuse("mnli", "train", kMnliHeader + "\tlabel1\tgold_label\n" + row,
         {"line 2", "12 columns", "got 16"});
  refuse("mnli", "dev", dev_header + "\n" + row + "8" + row.substr(1, row.rfind('\t')) + "same\n",
         {"line 3", "gold_label", "entailment, neutral or contradiction", "\"same\""});
}

TEST_CASE("QNLI and the diagnostic set read as the other pairs", "[data][glue]") {
  const GlueRows qnli = read_as("qnli", "dev",
                                "index\tquestion\tsentence\tlabel\n"
                                "0\tWho ran?\tThe cat ran.\tentailment\n"
                                "1\tWho sat?\tThe cat ran.\tnot_entailment\n");
  REQUIRE(qnli.examples.size() == 2);
  CHECK(qnli.examples[1].first == "Who sat?");
  CHECK(qnli.examples[1].second == "The cat ran.");
  CHECK(qnli.examples[0].label == 0);
  CHECK(qnli.examples[1].label == 1);
  const GlueRows ax = read_as("ax", "test", "index\tsentence1\tsentence2\n3\tIt ran.\tIt sat.\n");
  CHECK(ax.examples.at(0).second == "It sat.");
  CHECK(ax.examples.at(0).id == "3");
  CHECK(ax.examples.at(0).label == -1);
  CHECK(ax.notes.at(0).ends_with("AX/diagnostic.tsv: 1 rows, official 1104"));
}

TEST_CASE("QQP skips its broken rows and keeps its empty questions", "[data][glue]") {
  const GlueRows rows = read_as("qqp", "train",
                                kQqpHeader + "\n" +                   //
                                    "5\t1\t2\tWho?\tWhat?\t1\n" +     //
                                    "6\t3\t4\t\"How\n" +              // a line end in a question
                                    "ever\"\tWhy?\t0\n" +             //
                                    "7\t5\t6\tWhen?\tWhere?\t\n" +    //
                                    "8\t5\t6\tWhen?\tWhere?\t0\t1\n"  //
                                    "9\t7\t8\tHow?\t\t0\n");
  REQUIRE(rows.examples.size() == 2);
  CHECK(rows.examples[0].first == "Who?");
  CHECK(rows.examples[0].second == "What?");
  CHECK(rows.examples[0].label == 1);
  CHECK(rows.examples[0].id == "5");
  CHECK(rows.examples[1].second.empty());
  CHECK(rows.examples[1].label == 0);
  CHECK(oddities(rows) == Texts{"rows skipped, not 6 columns: 3, the first at line 3",
                                "rows skipped, no label: 1, the first at line 5",
                                "empty texts kept, question2: 1, the first at line 7"});
  const GlueRows test = read_as("qqp", "test", "id\tquestion1\tquestion2\n0\tWho?\tWhat?\n");
  CHECK(test.examples.at(0).first == "Who?");
  CHECK(test.examples.at(0).second == "What?");
  refuse("qqp", "test", "id\tquestion1\tquestion2\n0\tWho?\tWhat?\n1\n2\tWhen?\tWhere?\n",
         {"line 3", "expected 3 columns", "got 1"});
  refuse("qqp", "train", kQqpHeader + "\n5\t1\t2\tWho?\tWhat?\t2\n",
         {"line 2", "is_duplicate", "0 or 1", "\"2\""});
  refuse("qqp", "train", kQqpHeader + "\n5\t1\t2\n", {"no rows"});
}

TEST_CASE("STS-B has scores from 0 to 5", "[data][glue]") {
  const std::string row = "4\tg\tf\ty\to\tn\tn\tA plane.\tA train.\t";
  const auto score = [&](const std::string& text) {
    return read_as("stsb", "train", kStsbHeader + "\n" + row + text + "\n").examples.at(0).score;
  };
  CHECK(score("2.533") == 2.533f);
  CHECK(score("0") == 0);
  CHECK(score("5.000") == 5);
  CHECK(score("0.25\r") == 0.25f);
  const GlueRows rows = read_as("stsb", "train", kStsbHeader + "\n" + row + "1.5\n");
  CHECK(rows.examples[0].first == "A plane.");
  CHECK(rows.examples[0].second == "A train.");
  CHECK(rows.examples[0].id == "4");
  for (const std::string bad : {"5.001", "-0.1", "nan", "inf", "1e1", "", " 3", "3 ", "3,5", "x"})
    refuse("stsb", "train", kStsbHeader + "\n" + row + bad + "\n",
           {"line 2", "score", "from 0 to 5", "\"" + bad + "\""});
}

TEST_CASE("MRPC can be made from its corpus", "[data][glue]") {
  const TempDir dir;
  fs::create_directory(dir / "MRPC");
  const GlueTask& mrpc = glue_task("mrpc");
  const auto read = [&](const std::string& part) { return read_glue(mrpc, dir.path(), part); };
  require_error(ErrorKind::input_data,
                {"MRPC/dev.tsv", "no such file", "msr_paraphrase_train.txt", "dev_ids.tsv"},
                [&] { read("dev"); });
  const std::string header = "\xEF\xBB\xBFQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n";
  write_text(dir / "MRPC/msr_paraphrase_train.txt",
             header + "1\t10\t20\ta\tb\r\n0\t10\t21\tc\td\r\n1\t20\t10\te\tf\r\n0\t5\t6\tg\th\r\n");
  require_error(ErrorKind::input_data, {"dev_ids.tsv"}, [&] { read("train"); });
  write_text(dir / "MRPC/dev_ids.tsv", "5\t6\r\n10\t21\r\n77\t78\r\n");

  const GlueRows dev = read("dev");  // in the order of the corpus, not of the ids
  REQUIRE(dev.examples.size() == 2);
  CHECK(dev.examples[0].first == "c");
  CHECK(dev.examples[0].second == "d");
  CHECK(dev.examples[1].first == "g");
  CHECK(dev.examples[1].id == "1");
  REQUIRE(dev.notes.size() == 3);
  CHECK(dev.notes[0].find("dev.tsv: no such file; read from") != std::string::npos);
  CHECK(dev.notes[1].ends_with("2 rows, official 408"));
  CHECK(dev.notes[2].ends_with("pairs that are not in msr_paraphrase_train.txt: 1 of 3"));
  const GlueRows train = read("train");
  REQUIRE(train.examples.size() == 2);
  CHECK(train.examples[0].first == "a");
  CHECK(train.examples[1].first == "e");  // 20, 10 is not 10, 20
  CHECK(train.examples[1].label == 1);

  require_error(ErrorKind::input_data, {"test.tsv", "msr_paraphrase_test.txt"},
                [&] { read("test"); });
  write_text(dir / "MRPC/msr_paraphrase_test.txt", header + "1\t10\t20\ta\tb\n0\t10\t21\tc\td\n");
  const GlueRows test = read("test");
  REQUIRE(test.examples.size() == 2);
  CHECK(test.examples[1].second == "d");
  CHECK(test.examples[1].label == -1);
  CHECK(test.examples[1].id == "1");

  // What the benchmark itself hands out comes first.
  write_text(dir / "MRPC/dev.tsv", header + "1\t1\t2\tx\ty\n");
  CHECK(read("dev").examples.at(0).first == "x");
  write_text(dir / "MRPC/dev_ids.tsv", "5 6\n");
  require_error(ErrorKind::input_data, {"dev_ids.tsv", "line 1", "2 columns", "got 1"},
                [&] { read("train"); });
}

TEST_CASE("a bad row is refused by file and line", "[data][glue]") {
  const std::string header = "index\tsentence1\tsentence2\tlabel\n";
  const std::string good = header + "0\ta\tb\tentailment\n";
  refuse("rte", "train", good + "1\ta\tb\n", {"line 3", "4 columns", "got 3"});
  refuse("rte", "train", good + "1\ta\tb\tentailment\t\n", {"line 3", "4 columns", "got 5"});
  refuse("rte", "train", good + "1\ta\tb\tyes\n",
         {"line 3", "label", "entailment or not_entailment", "\"yes\""});
  refuse("rte", "train", good + "1\ta\tb\t\n", {"line 3", "label", "\"\""});
  refuse("rte", "train", good + "1\ta\tb\tentailment \n", {"line 3", "\"entailment \""});
  refuse("wnli", "train", header + "0\ta\tb\tentailment\n", {"line 2", "0 or 1"});
  refuse("wnli", "train", header + "0\ta\tb\t01\n", {"line 2", "0 or 1"});
  refuse("rte", "train", good + "1\t\tb\tentailment\n", {"line 3", "sentence1", "a text"});
  refuse("rte", "train", good + "1\ta\t  \tentailment\n", {"line 3", "sentence2", "a text"});
  refuse("rte", "test", "index\tsentence1\tsentence2\n\ta\tb\n", {"line 2", "index", "id"});
  refuse("cola", "train", "gj04\t1\t\t\n", {"line 1", "sentence", "a text"});
  refuse("cola", "train", "index\tsentence\n", {"line 1", "4 columns", "got 2"});
  refuse("rte", "train", good + std::string("1\ta\0\tb\tentailment\n", 18), {"line 3", "NUL byte"});
  refuse("rte", "train", "0\ta\tb\tentailment\n",
         {"line 1", "header", "sentence1, sentence2", "got 4, \"0, a, b, entailment\""});
  refuse("rte", "train", "index\tsentence1\tsentence2\n", {"line 1", "4 columns", "got 3"});
  refuse("sst2", "train", "index\tsentence\n0\ta\n", {"line 1", "sentence, label"});
  refuse("rte", "train", "", {"empty file"});
  refuse("cola", "train", "", {"no rows"});
  refuse("rte", "train", header, {"no rows"});
}

TEST_CASE("a missing file is named with the place where it is expected", "[data][glue]") {
  const TempDir dir;
  require_error(ErrorKind::input_data, {"MNLI/dev_matched.tsv", "no such file", "mnli"},
                [&] { read_glue(glue_task("mnli"), dir.path(), "dev"); });
  fs::create_directories(dir / "RTE/dev.tsv");
  require_error(ErrorKind::input_data, {"RTE/dev.tsv", "regular file"},
                [&] { read_glue(glue_task("rte"), dir.path(), "dev"); });
}

TEST_CASE("blank lines and stray bytes are noted, a foreign encoding is refused", "[data][glue]") {
  const std::string header = "index\tsentence1\tsentence2\tlabel\n";
  const GlueRows rows = read_as("rte", "dev",
                                header + "0\ta\tb\tentailment\n\n1\tc\xFF\xFE\td\tentailment\n" +
                                    "2\te\tf\xE9\tentailment\n\n");
  CHECK(rows.examples.size() == 3);
  CHECK(rows.examples[1].id == "1");
  CHECK(oddities(rows) == Texts{"blank lines skipped: 2, the first at line 3",
                                "bytes that are no UTF-8, dropped later: 3, the first at line 4"});
  std::string latin = header + "0\ta\tb\tentailment\n";
  for (int i = 1; i <= 17; ++i) latin += std::to_string(i) + "\tna\xEFve\tb\tentailment\n";
  refuse("rte", "dev", latin, {"not UTF-8", "17 of ", "line 3"});
}

TEST_CASE("random damage to a GLUE file is an input error or harmless", "[data][glue]") {
  const std::vector<std::pair<std::string, std::string>> files{
      {"cola", "gj04\t1\t\tOne sentence.\nks08\t0\t*\tAnother\n"},
      {"qqp", kQqpHeader + "\n5\t1\t2\tWho?\tWhat?\t1\n6\t3\t4\tHow?\tWhen?\t0\n"},
      {"stsb", kStsbHeader + "\r\n4\tg\tf\ty\to\tn\tn\tA plane.\tA train.\t2.533\r\n"},
      {"mrpc", "\xEF\xBB\xBFQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t10\t20\ta\tb \"c\n"},
      {"mnli", kMnliHeader + "\tlabel1\tgold_label\n0\t1\t1n\tg\tb1\tb2\tp1\tp2\tA\tB\tx\t-\n" +
                   "1\t2\t2n\tg\tb1\tb2\tp1\tp2\tA\tB\tneutral\tneutral\n"}};
  const Philox random(3, RandomPurpose::test);
  constexpr char kLikely[] = {'\t', '\n', '\r', '"', '\0', '-', '1', '\xC3'};
  int refused = 0, read = 0;
  for (std::uint64_t trial = 0; trial < 500; ++trial) {
    const auto& [name, content] = files[trial % files.size()];
    std::string bytes = content;
    for (std::uint64_t i = 0; i <= trial % 3 && !bytes.empty(); ++i) {
      const auto [kind, where, what, likely] = random.words(trial, i);
      const std::size_t at = where % bytes.size();
      const char byte = likely % 2 == 0 ? static_cast<char>(what) : kLikely[what % sizeof kLikely];
      if (kind % 8 == 0) bytes.resize(at);
      if (kind % 8 == 1) bytes.erase(at, what % 20);
      if (kind % 8 == 2 || kind % 8 == 3) bytes.insert(at, 1, byte);
      if (kind % 8 >= 4) bytes[at] = byte;
    }
    try {
      const GlueRows rows = read_as(name, "train", bytes);
      ++read;
      for (const TextExample& example : rows.examples) {
        if (name == "stsb") {
          REQUIRE((example.score >= 0 && example.score <= 5));
        } else {
          REQUIRE(example.label >= 0);
        }
      }
    } catch (const Error& error) {
      INFO(error.what());
      REQUIRE(error.kind() == ErrorKind::input_data);
      REQUIRE(std::string(error.what()).find("train.tsv: ") != std::string::npos);
      ++refused;
    }
  }
  CHECK(refused > 100);
  CHECK(read > 100);
}
