#include <csignal>

#include "tests/e2e/workspace.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"

using namespace orchid::test;
namespace fs = std::filesystem;

namespace {

using Words = std::vector<std::string>;

/// Whether anything in `folder` begins with `start`.
bool begun(const fs::path& folder, const std::string& start) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    if (entry.path().filename().string().starts_with(start)) return true;
  return false;
}

}  // namespace

TEST_CASE("a verb of data that is interrupted leaves nothing and says so", "[e2e][data]") {
  const Workspace here;
  here.answer({"data", "synth", "--out", "c", "--documents", "20000", "--json"});
  here.answer({"data", "vocab", "c.*", "--size", "300", "--out", "v.txt", "--json"});
  const std::vector<std::pair<Words, int>> stopped = {
      {{"data", "synth", "--out", "out", "--documents", "100000000"}, SIGINT},
      {{"data", "synth", "--out", "out", "--documents", "100000000"}, SIGTERM},
      {{"data", "tokenize", "c.*", "--vocab", "v.txt", "--out", "out", "--threads", "1"}, SIGINT},
      {{"data", "vocab", "c.*", "--out", "out", "--threads", "1"}, SIGINT},
  };
  for (const auto& [words, signal] : stopped) {
    INFO(words[1] << " " << signal);
    Program program(here.path(), words);
    REQUIRE(program.wait_for([&] { return begun(here.path(), "out"); }));
    program.send(signal);
    const ProgramResult result = program.wait();
    INFO(result.err);
    CHECK(result.exit_code == 130);
    CHECK(result.err == "interrupted: nothing was written\n");
    CHECK(result.out.empty());
    CHECK_FALSE(begun(here.path(), "out"));
  }
}

TEST_CASE("what killed verbs of data left is removed by the next ones", "[e2e][data]") {
  const Workspace here;
  here.answer({"data", "synth", "--out", "c", "--documents", "20000", "--json"});
  here.answer({"data", "vocab", "c.*", "--size", "300", "--out", "v.txt", "--json"});
  const std::vector<Words> killed = {
      {"data", "synth", "--out", "out", "--documents", "100000000"},
      {"data", "tokenize", "c.*", "--vocab", "v.txt", "--out", "out", "--threads", "1"},
      {"data", "vocab", "c.*", "--out", "out", "--threads", "1"},
  };
  for (const Words& words : killed) {
    INFO(words[1]);
    Program program(here.path(), words);
    REQUIRE(program.wait_for([&] { return begun(here.path(), "out."); }));
    program.send(SIGKILL);
    program.wait();
    CHECK(begun(here.path(), "out."));
    Words again = words;
    if (words[1] == "synth") again.back() = "10";
    again.push_back("--json");
    here.answer(again);
    for (const auto& entry : fs::directory_iterator(here.path())) {
      INFO(entry.path());
      CHECK(entry.path().extension() != ".partial");
      if (entry.path().filename().string().starts_with("out")) fs::remove_all(entry.path());
    }
  }
}

TEST_CASE("data vocab makes missing folders and finds out first whether it can write",
          "[e2e][data]") {
  const Workspace here;
  spit(here / "a.txt", "some words and some more words\n");
  const Words vocab = {"data", "vocab", "a.txt", "--size", "60", "--json", "--out"};
  const auto with = [&](const std::string& out) {
    Words words = vocab;
    words.push_back(out);
    return words;
  };
  here.answer(with("new/folder/v.txt"));
  CHECK(fs::exists(here / "new/folder/v.txt"));
  spit(here / "zero.txt", std::string("\0\0", 2));  // reading this would be another error
  Words unread = with("/proc/none/v.txt");
  unread[2] = "zero.txt";
  const ProgramResult result = here.run(unread);
  INFO(result.err);
  CHECK(result.exit_code == 1);
  CHECK(result.err.find("error: /proc/none: cannot create this folder: ") == 0);
  CHECK(result.err.find("choose another --out") != std::string::npos);
  const ProgramResult folder = here.run(with("new"));
  CHECK(folder.exit_code == 2);
  CHECK(folder.err.find("new: is a folder; expected the name of a file") != std::string::npos);
  // A pattern does not take in the file that is being written.
  CHECK(here.answer({"data", "vocab", "new/folder/*", "--size", "60", "--out", "new/folder/w.txt",
                     "--json"})["files"] == 1);
}

TEST_CASE("what the system says of a path comes with what to do", "[e2e][data]") {
  const Workspace here;
  const std::string long_name(5000, 'x');
  const ProgramResult source =
      here.run({"data", "tokenize", long_name, "--vocab", "v.txt", "--out", "o"});
  CHECK(source.exit_code == 3);
  CHECK(source.err.find("File name too long") != std::string::npos);
  for (const std::string& directory : {std::string("/proc/none"), long_name}) {
    const ProgramResult run = here.run(here.train({"--run-dir", directory}));
    INFO(run.err);
    CHECK(run.exit_code == 1);
    CHECK(run.err.find(directory + ": cannot create this folder: ") != std::string::npos);
    CHECK(run.err.find("choose another --run-dir") != std::string::npos);
  }
}

TEST_CASE("numbers too large for an option of data are refused", "[e2e][data]") {
  const Workspace here;
  const std::string huge = "99999999999999999999";  // above 2^64
  const std::vector<Words> mistakes = {
      {"tokenize", "x", "--vocab", "v", "--out", "o", "--max-pieces", huge},
      {"tokenize", "x", "--vocab", "v", "--out", "o", "--max-characters", huge},
      {"tokenize", "x", "--vocab", "v", "--out", "o", "--threads", "1000000"},
      {"synth", "--out", "o", "--documents", huge},
      {"synth", "--out", "o", "--first", huge},
      {"synth", "--out", "o", "--files", "100000"},
      {"synth", "--out", "o", "--seed", huge},
      {"synth", "--out", "o", "--seed", "-1"},
      {"vocab", "x", "--out", "o", "--alphabet", huge},
      {"vocab", "x", "--out", "o", "--min-count", huge},
      {"vocab", "x", "--out", "o", "--threads", "1000000"},
      {"inspect", "x", "--show", huge},
      {"bench", "x", "--most", huge},
      {"preview", "x", "--out", "o", "--epoch", huge},
      {"pack-images", "x", "--out", "o", "--keep", "--threads", "1000000"},
  };
  for (Words words : mistakes) {
    const std::string option = words[words.size() - 2];
    words.insert(words.begin(), "data");
    const ProgramResult result = here.run(words);
    INFO(words[1] << " " << option << "\n" << result.err);
    CHECK(result.exit_code == 2);
    CHECK(result.err.find("error: " + option + ": Value " + words.back() + " not in range") == 0);
    CHECK_FALSE(fs::exists(here / "o"));
  }
}
