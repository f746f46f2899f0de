#include "data/text/tokenize.h"

#include <map>
#include <set>

#include "data/io/json_text.h"
#include "data/text/mlm.h"
#include "tests/data/fixtures.h"
#include "tests/support/temp_dir.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace {

namespace fs = std::filesystem;
using Ids = std::vector<std::int32_t>;

/// Content of every file below a directory, by relative name.
std::map<std::string, std::string> content(const fs::path& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file())
      files[entry.path().lexically_relative(directory).string()] = read_text(entry.path());
  }
  return files;
}

/// Text of `lines` lines, each different.
std::string story(int lines, int seed) {
  const std::vector<std::string> words{"the", "cat", "sat", "on", "a", "mat", "and", "dog", "ran"};
  std::string text;
  for (int line = 0; line < lines; ++line) {
    for (int i = 0; i < 8; ++i) {
      const int pick = (line * 31 + i * i * 7 + seed * 5 + line / 9 + line * line / 50) % 9;
      text += words[static_cast<std::size_t>(pick)] + (i == 7 ? ".\n" : " ");
    }
  }
  return text;
}

TokenizeOptions options_for(const TempDir& dir, const std::string& input, const std::string& out) {
  tiny_vocabulary().save(dir / "vocab.txt");
  TokenizeOptions options;
  options.inputs = {(dir / input).string()};
  options.vocabulary = dir / "vocab.txt";
  options.out = dir / out;
  options.threads = 1;
  return options;
}

Ids all_ids(const fs::path& directory) {
  const TokenShards shards = TokenShards::open(directory);
  Ids ids;
  for (std::int64_t i = 0; i < shards.documents(); ++i) {
    for (const std::uint16_t id : shards.document(i)) ids.push_back(id);
  }
  return ids;
}

}  // namespace

TEST_CASE("a text becomes one document with the pieces of its words", "[data][tokenize]") {
  const TempDir dir;
  write_text(dir / "a.txt", "\xEF\xBB\xBFThe cat\r\nsat on the unaffable mat.\r\n\r\nIt ran.");
  TokenizeOptions options = options_for(dir, "a.txt", "out/");
  double last = -1;
  options.progress = [&](double fraction) { last = fraction; };
  const TokenizeReport report = tokenize(options);
  CHECK(last == 1.0);
  CHECK(report.mode == SampleMode::packed);
  CHECK(report.train == dir / "out");
  CHECK(report.documents == 1);
  CHECK(report.tokens == 13);
  CHECK(report.train_tokens == 13);
  CHECK(report.unknown_rate == 0);
  CHECK(report.valid.empty());
  CHECK(all_ids(dir / "out") == Ids{6, 7, 31, 32, 6, 8, 9, 10, 33, 18, 40, 36, 18});
  TokenShards::open(dir / "out").verify();
}

TEST_CASE("JSON lines become a document each, cut at 4000 characters", "[data][tokenize]") {
  const TempDir dir;
  std::string lines;
  for (const std::string& text : {std::string("the cat"), std::string(" "), story(200, 1)})
    lines += json_line(text, "t", "u") + "\n";
  write_text(dir / "a.json", lines);
  const TokenizeReport report = tokenize(options_for(dir, "a.json", "out"));
  CHECK(report.mode == SampleMode::document);
  CHECK(report.documents == 3);
  CHECK(report.empty_documents == 1);
  CHECK(report.train_documents == 2);
  const TokenShards shards = TokenShards::open(dir / "out");
  const WordPiece wordpiece(tiny_vocabulary());
  const Ids expected = wordpiece.encode(story(200, 1).substr(0, 4000));
  const auto second = shards.document(1);
  CHECK(Ids(second.begin(), second.end()) == expected);

  TokenizeOptions few = options_for(dir, "a.json", "few");
  few.max_pieces = 10;
  tokenize(few);
  CHECK(TokenShards::open(dir / "few").document(1).size() == 10);
}

TEST_CASE("the output is the same for any number of threads", "[data][tokenize]") {
  const TempDir dir;
  fs::create_directory(dir / "in");
  for (int i = 0; i < 6; ++i)
    write_text(dir / "in" / (std::to_string(i) + ".txt"), story(2000 + 3000 * (i % 3), i));
  std::vector<std::map<std::string, std::string>> results;
  for (const int threads : {1, 2, 5}) {
    TokenizeOptions options = options_for(dir, "in", std::to_string(threads) + "out");
    options.threads = threads;
    options.valid_fraction = 0.2;
    options.shard_tokens = 50000;
    const TokenizeReport report = tokenize(options);
    CHECK(report.documents == 6);
    results.push_back(content(options.out));
  }
  CHECK(results[0].size() > 6);
  CHECK(results[0] == results[1]);
  CHECK(results[0] == results[2]);
}

TEST_CASE("a split keeps every block on one side and loses nothing", "[data][tokenize]") {
  const TempDir dir;
  write_text(dir / "a.txt", story(12000, 1));
  const TokenizeReport whole = tokenize(options_for(dir, "a.txt", "whole"));
  TokenizeOptions options = options_for(dir, "a.txt", "split");
  options.valid_fraction = 0.1;
  const TokenizeReport split = tokenize(options);
  CHECK(split.train == dir / "split/train");
  CHECK(split.valid == dir / "split/valid");
  CHECK(split.train_tokens + split.valid_tokens == whole.tokens);
  CHECK(split.valid_documents > 0);
  const double share = static_cast<double>(split.valid_tokens) / static_cast<double>(whole.tokens);
  CHECK(share > 0.01);
  CHECK(share < 0.3);
  // Blocks that stand side by side join: cutting for the split costs few documents.
  CHECK(split.train_documents <= split.valid_documents + 1);
}

TEST_CASE("nothing is left of a tokenization that fails", "[data][tokenize]") {
  const TempDir dir;
  write_text(dir / "a.json", "{\"text\":\"the cat\"}\n{\"txt\":\"the dog\"}\n");
  for (const int threads : {1, 3}) {
    TokenizeOptions options = options_for(dir, "a.json", "out");
    options.threads = threads;
    require_error(ErrorKind::input_data, {"a.json", "line 2", "no \"text\""},
                  [&] { tokenize(options); });
  }
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(dir.path()))
    names.insert(entry.path().filename().string());
  CHECK(names == std::set<std::string>{"a.json", "vocab.txt"});
}

TEST_CASE("what cannot be tokenized is refused before work begins", "[data][tokenize]") {
  const TempDir dir;
  write_text(dir / "a.txt", "the cat");
  write_text(dir / "b.json", "{\"text\":\"the cat\"}");
  write_text(dir / "blank.txt", " \n\n");
  fs::create_directory(dir / "there");
  require_error(ErrorKind::usage, {"there", "exists already"},
                [&] { tokenize(options_for(dir, "a.txt", "there")); });
  TokenizeOptions both = options_for(dir, "a.txt", "out");
  both.inputs.push_back((dir / "b.json").string());
  require_error(ErrorKind::usage, {"text and JSON"}, [&] { tokenize(both); });
  TokenizeOptions half = options_for(dir, "a.txt", "out");
  half.valid_fraction = 0.5;  // of one block: one side stays empty
  require_error(ErrorKind::usage, {"valid_fraction"}, [&] { tokenize(half); });
  half.valid_fraction = 1.5;
  require_error(ErrorKind::usage, {"valid_fraction", "1.5"}, [&] { tokenize(half); });
  require_error(ErrorKind::input_data, {"blank.txt", "no text"},
                [&] { tokenize(options_for(dir, "blank.txt", "out")); });
  require_error(ErrorKind::input_data, {"absent.txt"},
                [&] { tokenize(options_for(dir, "absent.txt", "out")); });
  CHECK_FALSE(fs::exists(dir / "out"));
}

TEST_CASE("real C4 documents are tokenized", "[data][tokenize]") {
  const auto shard = shared_data("c4/c4-train.00001-of-00002.json.gz");
  const auto vocabulary = shared_data("vocab/bert-base-uncased-vocab.txt");
  if (!shard || !vocabulary) return;
  const TempDir dir;
  TokenizeOptions options;
  options.inputs = {shard->string()};
  options.vocabulary = *vocabulary;
  options.out = dir / "out";
  const TokenizeReport report = tokenize(options);
  CHECK(report.documents == 500);
  CHECK(report.unknown_rate < 0.001);
  CHECK(report.tokens > 150000);
  const double entropy = unigram_entropy(TokenShards::open(dir / "out"));
  CHECK(entropy > 6.5);
  CHECK(entropy < 8);
}

TEST_CASE("tokenizing that is told to stop leaves nothing", "[data][tokenize]") {
  const TempDir dir;
  write_text(dir / "a.txt", story(30000, 1));
  for (const int threads : {1, 3}) {
    TokenizeOptions options = options_for(dir, "a.txt", "out");
    options.threads = threads;
    options.valid_fraction = 0.5;
    int asked = 0;
    bool begun = false;
    options.stop = [&] {
      for (const auto& entry : fs::directory_iterator(dir.path()))
        begun = begun || entry.path().filename().string().starts_with("out.");
      return ++asked > 3;
    };
    CHECK_THROWS_AS(tokenize(options), Interrupted);
    CHECK(asked > 3);
    CHECK(begun);
    std::set<std::string> left;
    for (const auto& entry : fs::directory_iterator(dir.path()))
      left.insert(entry.path().filename().string());
    CHECK(left == std::set<std::string>{"a.txt", "vocab.txt"});
  }
}

TEST_CASE("a name too long for a directory of shards is an error of ours", "[data][tokenize]") {
  const TempDir dir;
  write_text(dir / "a.txt", "the cat");
  require_error(ErrorKind::failure, {"cannot create this folder", "choose another --out"},
                [&] { tokenize(options_for(dir, "a.txt", std::string(5000, 'x'))); });
}
