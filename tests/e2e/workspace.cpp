#include "tests/e2e/workspace.h"

#include <sstream>

#include "kernels/core/error.h"
#include "kernels/core/philox.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"

namespace orchid::test {
namespace {

namespace fs = std::filesystem;

/// Sentences of random words; each word makes the next of its own kind likelier.
std::string generated_text() {
  constexpr const char* kWords[] = {"the",   "a",   "cat",  "dog",  "bird",   "sees",  "likes",
                                    "hears", "red", "blue", "old",  "small",  "house", "tree",
                                    "river", "and", "then", "runs", "sleeps", "sings"};
  const Philox philox(7, RandomPurpose::test);
  std::string text;
  std::uint32_t word = 0;
  for (std::uint64_t i = 0; i < 20000; ++i) {
    const auto words = philox.words(0, i);
    word = Philox::below(4, words[0]) == 0 ? Philox::below(std::size(kWords), words[1])
                                           : (word + 3) % std::size(kWords);
    text += str(kWords[word], i % 60 == 59 ? " .\n\n" : i % 12 == 11 ? " .\n" : " ");
  }
  return text;
}

/// Made once for all tests of this process.
const fs::path& prepared_data() {
  static const TempDir directory;
  static const bool made = [] {
    spit(directory / "text.txt", generated_text());
    const auto must = [](const ProgramResult& result) {
      INFO(result.err);
      REQUIRE(result.exit_code == 0);
    };
    must(orchid(directory.path(),
                {"data", "vocab", "text.txt", "--size", "128", "--out", "vocab.txt"}));
    must(orchid(directory.path(), {"data", "tokenize", "text.txt", "--vocab", "vocab.txt", "--out",
                                   "smoke", "--valid-fraction", "0.1", "--unit", "paragraph"}));
    return true;
  }();
  REQUIRE(made);
  return directory.path();
}

}  // namespace

Workspace::Workspace() {
  fs::create_directories(path() / "build/data");
  fs::create_directory_symlink(prepared_data() / "smoke", path() / "build/data/smoke");
}

nlohmann::json Workspace::answer(const std::vector<std::string>& arguments) const {
  const ProgramResult result = run(arguments);
  INFO(arguments[0] << ": " << result.err << result.out);
  REQUIRE(result.exit_code == 0);
  return nlohmann::json::parse(result.out);
}

std::vector<std::string> Workspace::train(const std::vector<std::string>& more) const {
  std::vector<std::string> arguments = {"train", config_path("smoke/mlm.json")};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

std::string config_path(const std::string& name) {
  return std::string(ORCHID_SOURCE_DIR) + "/configs/" + name;
}

std::string metrics_without_times(const fs::path& file) {
  std::istringstream lines(slurp(file));
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    auto json = nlohmann::json::parse(line);
    for (const char* key : {"tokens_per_s", "samples_per_s", "data_wait_s", "elapsed_s"})
      json.erase(key);
    text += json.dump() + "\n";
  }
  return text;
}

}  // namespace orchid::test
