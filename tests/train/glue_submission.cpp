#include <cmath>
#include <limits>

#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/op_check.h"
#include "tests/support/temp_dir.h"
#include "train/glue/submission.h"

using namespace orchid::train;
using orchid::test::require_error;
using orchid::test::slurp;
using orchid::test::spit;
using orchid::test::TempDir;
using Strings = std::vector<std::string>;

namespace {

const Strings kNli = {"entailment", "neutral", "contradiction"};
const Strings kTwo = {"entailment", "not_entailment"};

/// "index<TAB>prediction" and `rows` rows of one value.
std::string file_of(std::size_t rows, const std::string& value) {
  std::string text = "index\tprediction\n";
  for (std::size_t i = 0; i < rows; ++i) text += std::to_string(i) + "\t" + value + "\n";
  return text;
}

std::string replaced(std::string text, const std::string& part, const std::string& by) {
  const std::size_t at = text.find(part);
  REQUIRE(at != std::string::npos);
  return text.replace(at, part.size(), by);
}

}  // namespace

TEST_CASE("a submission holds numbers, labels or scores, as its test set wants",
          "[train][glue][submission]") {
  const TempDir dir;
  const std::vector<std::int32_t> two = {1, 0, 1}, three = {2, 0, 1};
  const Strings words = {"unacceptable", "acceptable"};
  for (const char* name : {"CoLA.tsv", "SST-2.tsv", "MRPC.tsv", "QQP.tsv", "WNLI.tsv"}) {
    write_submission(dir / name, two, words);
    CHECK(slurp(dir / name) == "index\tprediction\n0\t1\n1\t0\n2\t1\n");
  }
  for (const char* name : {"QNLI.tsv", "RTE.tsv"}) {
    write_submission(dir / name, two, kTwo);
    CHECK(slurp(dir / name) ==
          "index\tprediction\n0\tnot_entailment\n1\tentailment\n2\tnot_entailment\n");
  }
  for (const char* name : {"MNLI-m.tsv", "MNLI-mm.tsv", "AX.tsv"}) {
    write_submission(dir / name, three, kNli);
    CHECK(slurp(dir / name) == "index\tprediction\n0\tcontradiction\n1\tentailment\n2\tneutral\n");
  }
  const std::vector<double> scores = {2.5, -1e-9, 7, 0.00049, 4.9996, 3.0625, -INFINITY};
  write_submission(dir / "STS-B.tsv", scores);
  CHECK(
      slurp(dir / "STS-B.tsv") ==
      "index\tprediction\n0\t2.500\n1\t0.000\n2\t5.000\n3\t0.000\n4\t5.000\n5\t3.062\n6\t0.000\n");
}

TEST_CASE("every submission of the full size passes the check", "[train][glue][submission]") {
  const TempDir dir;
  struct Case {
    const char* file;
    std::size_t rows;
    Strings labels;
  };
  const Strings digits = {"0", "1"};
  const std::vector<Case> cases = {{"CoLA.tsv", 1063, digits}, {"SST-2.tsv", 1821, digits},
                                   {"MRPC.tsv", 1725, digits}, {"QQP.tsv", 390965, digits},
                                   {"MNLI-m.tsv", 9796, kNli}, {"MNLI-mm.tsv", 9847, kNli},
                                   {"QNLI.tsv", 5463, kTwo},   {"RTE.tsv", 3000, kTwo},
                                   {"WNLI.tsv", 146, digits},  {"AX.tsv", 1104, kNli}};
  for (const Case& one : cases) {
    std::vector<std::int32_t> classes(one.rows);
    for (std::size_t i = 0; i < one.rows; ++i)
      classes[i] = static_cast<std::int32_t>(i * 7 / 3 % one.labels.size());
    write_submission(dir / one.file, classes, one.labels);
    CHECK(check_submission(dir / one.file) == Strings{});
    classes.pop_back();
    write_submission(dir / one.file, classes, one.labels);
    const Strings faults = check_submission(dir / one.file);
    REQUIRE(faults.size() == 1);
    CHECK(faults[0] == (dir / one.file).string() + ": expected " + std::to_string(one.rows) +
                           " rows, got " + std::to_string(one.rows - 1));
  }
  std::vector<double> scores(1379);
  for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = static_cast<double>(i) / 100 - 4;
  write_submission(dir / "STS-B.tsv", scores);
  CHECK(check_submission(dir / "STS-B.tsv") == Strings{});
}

TEST_CASE("a submission refuses what it cannot say", "[train][glue][submission]") {
  const TempDir dir;
  const std::vector<std::int32_t> classes = {0, 1, 2};
  const std::vector<double> scores = {1, NAN};
  require_error([&] { write_submission(dir / "cola.tsv", classes, kNli); },
                "cola.tsv: expected the name of a test set of GLUE: CoLA.tsv, SST-2.tsv");
  require_error([&] { write_submission(dir / "CoLA.tsv", classes, kTwo); },
                "row 2: expected a class from 0 to 1, got 2");
  require_error([&] { write_submission(dir / "STS-B.tsv", classes, kNli); },
                "expected scores, got classes");
  require_error([&] { write_submission(dir / "RTE.tsv", scores); }, "expected classes, got scores");
  require_error([&] { write_submission(dir / "STS-B.tsv", scores); }, "row 1: expected a score");
  CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("the check names each fault of a submission", "[train][glue][submission]") {
  const TempDir dir;
  const auto faults_of = [&](const std::string& name, const std::string& text) {
    spit(dir / name, text);
    return check_submission(dir / name);
  };
  const std::string good = file_of(146, "1");
  CHECK(faults_of("WNLI.tsv", good) == Strings{});
  CHECK(faults_of("STS-B.tsv", file_of(1379, "5")) == Strings{});

  struct Case {
    std::string text, expected;
  };
  const std::vector<Case> cases = {
      {replaced(good, "index\t", "id\t"), "line 1: expected index<TAB>prediction, got \"id\tpred"},
      {"\xEF\xBB\xBF" + good, "line 1: expected index<TAB>prediction"},
      {replaced(good, "\n3\t1\n", "\n3\t1\r\n"), "line 5: expected a line feed alone"},
      {replaced(good, "\n3\t1\n", "\n3\t1\t\n"), "line 5: expected index<TAB>prediction, got"},
      {replaced(good, "\n3\t1\n", "\n3 1\n"), "line 5: expected index<TAB>prediction, got"},
      {replaced(good, "\n3\t1\n", "\n4\t1\n"), "line 5: expected index 3, got \"4\""},
      {replaced(good, "\n3\t1\n", "\n03\t1\n"), "line 5: expected index 3, got \"03\""},
      {replaced(good, "\n3\t1\n", "\n3\t2\n"), "line 5: expected 0 or 1, got \"2\""},
      {replaced(good, "\n3\t1\n", "\n3\t\n"), "line 5: expected 0 or 1, got \"\""},
      {replaced(good, "\n3\t1\n", "\n3\t1 \n"), "line 5: expected 0 or 1, got \"1 \""},
      {good.substr(0, good.size() - 1), "line 147: expected a line feed at its end"}};
  for (const Case& one : cases) {
    const Strings faults = faults_of("WNLI.tsv", one.text);
    INFO(one.expected);
    REQUIRE(faults.size() == 1);
    CHECK(faults[0].find(one.expected) != std::string::npos);
    CHECK(faults[0].find("WNLI.tsv") != std::string::npos);
  }
  const Strings blank = faults_of("WNLI.tsv", good + "\n");
  REQUIRE(blank.size() == 2);
  CHECK(blank[0].find("line 148: expected a row, got a blank line") != std::string::npos);
  CHECK(blank[1].find("expected 146 rows, got 147") != std::string::npos);
  CHECK(faults_of("WNLI.tsv", "").size() == 2);
  CHECK(faults_of("WNLI.txt", good)[0].find("expected a file named AX.tsv, CoLA.tsv") !=
        std::string::npos);
}

TEST_CASE("the check names ten lines and counts the rest", "[train][glue][submission]") {
  const TempDir dir;
  spit(dir / "RTE.tsv", file_of(3000, "1"));
  const Strings faults = check_submission(dir / "RTE.tsv");
  REQUIRE(faults.size() == 11);
  CHECK(faults[0].find("expected entailment or not_entailment, got \"1\"") != std::string::npos);
  CHECK(faults[10].find("and 2990 faults more") != std::string::npos);
}

TEST_CASE("the check takes plain numbers from 0 to 5 for scores", "[train][glue][submission]") {
  const TempDir dir;
  const std::string good = file_of(1379, "2.500");
  for (const char* value : {"0", "0.000", "5.000", "4.9999", "3.1"}) {
    INFO(value);
    spit(dir / "STS-B.tsv", replaced(good, "\n7\t2.500", std::string("\n7\t") + value));
    CHECK(check_submission(dir / "STS-B.tsv") == Strings{});
  }
  for (const char* value :
       {"-0.000", "5.001", "6", "nan", "2.", ".5", "", "1e0", "2,5", "10", "+1", "2.5.0"}) {
    INFO(value);
    spit(dir / "STS-B.tsv", replaced(good, "\n7\t2.500", std::string("\n7\t") + value));
    const Strings faults = check_submission(dir / "STS-B.tsv");
    REQUIRE(faults.size() == 1);
    CHECK(faults[0].find("line 9: expected a number from 0 to 5") != std::string::npos);
  }
}
