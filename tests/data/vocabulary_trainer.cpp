#include "data/text/vocabulary_trainer.h"

#include <algorithm>
#include <map>

#include "data/text/piece_merger.h"
#include "data/text/wordpiece.h"
#include "tests/data/fixtures.h"
#include "tests/support/temp_dir.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace {

std::vector<std::string> pieces_of(const Vocabulary& vocabulary) {
  std::vector<std::string> pieces;
  for (std::int32_t id = 0; id < vocabulary.size(); ++id) pieces.push_back(vocabulary.piece(id));
  return pieces;
}

/// The same rule, counted anew for each merge.
std::vector<std::string> naive_merges(std::vector<std::pair<std::vector<std::string>, int>> words,
                                      std::vector<std::string> pieces, int merges) {
  const auto index = [&](const std::string& piece) {
    return std::find(pieces.begin(), pieces.end(), piece) - pieces.begin();
  };
  for (int m = 0; m < merges; ++m) {
    std::map<std::pair<std::ptrdiff_t, std::ptrdiff_t>, int> counts;
    for (const auto& [parts, count] : words) {
      for (std::size_t i = 1; i < parts.size(); ++i)
        counts[{index(parts[i - 1]), index(parts[i])}] += count;
    }
    if (counts.empty()) break;
    auto best = counts.begin();  // ordered: the first of equals is the oldest pair
    for (auto it = counts.begin(); it != counts.end(); ++it)
      if (it->second > best->second) best = it;
    const std::string left = pieces[static_cast<std::size_t>(best->first.first)];
    const std::string right = pieces[static_cast<std::size_t>(best->first.second)];
    std::string merged = left;
    merged += right.substr(2);
    if (index(merged) == std::ssize(pieces)) pieces.push_back(merged);
    for (auto& [parts, count] : words) {
      std::vector<std::string> next;
      for (std::size_t i = 0; i < parts.size(); ++i) {
        const bool here = i + 1 < parts.size() && parts[i] == left && parts[i + 1] == right;
        next.push_back(here ? merged : parts[i]);
        i += here;
      }
      parts = next;
    }
  }
  return pieces;
}

}  // namespace

TEST_CASE("merging with kept counts equals counting anew", "[data][vocabulary_trainer]") {
  // Words over three letters, many repeats and runs such as "aaa": the awkward cases.
  std::vector<std::pair<std::vector<std::string>, int>> words;
  PieceMerger merger;
  std::vector<std::string> pieces{"a", "b", "c", "##a", "##b", "##c"};
  for (const std::string& piece : pieces) merger.intern(piece);
  for (int number = 0; number < 120; ++number) {
    std::vector<std::string> parts;
    std::vector<PieceMerger::Piece> ids;
    for (int rest = number * number % 2187 + 3; rest > 0; rest /= 3) {
      std::string part = parts.empty() ? "" : "##";
      part += static_cast<char>('a' + rest % 3);
      ids.push_back(merger.intern(part));
      parts.push_back(part);
    }
    words.emplace_back(parts, 1 + number % 7);
    merger.add_word(ids, 1 + number % 7);
  }
  for (int merges = 0; merges < 60; ++merges) merger.merge_best(1);
  CHECK(merger.pieces() == naive_merges(words, pieces, 60));
}

TEST_CASE("a trained vocabulary begins with the specials and holds the frequent words",
          "[data][vocabulary_trainer]") {
  VocabularyOptions options;
  options.size = 80;  // 5 specials, at most 26 letters twice, and some merges
  const Vocabulary vocabulary = train_vocabulary(
      {{"lower", 50}, {"low", 90}, {"newest", 60}, {"widest", 30}, {"rare", 1}, {".", 100}},
      options);
  CHECK(vocabulary.pad() == 0);
  CHECK(vocabulary.unknown() == 1);
  CHECK(vocabulary.cls() == 2);
  CHECK(vocabulary.separator() == 3);
  CHECK(vocabulary.mask() == 4);
  CHECK(vocabulary.find("low"));
  CHECK(vocabulary.find("newest"));
  CHECK(vocabulary.find("."));
  CHECK_FALSE(vocabulary.find("##."));
  CHECK_FALSE(vocabulary.find("rare"));  // once is below min_count
  const std::vector<std::int32_t> ids = WordPiece(vocabulary).encode("Lowest wolf.");
  CHECK(std::count(ids.begin(), ids.end(), vocabulary.unknown()) == 1);  // no f in the texts
}

TEST_CASE("characters beyond the alphabet are left out", "[data][vocabulary_trainer]") {
  VocabularyOptions options;
  options.alphabet = 3;
  options.size = 20;
  const Vocabulary vocabulary =
      train_vocabulary({{"ab", 50}, {"ba", 40}, {"cab", 30}, {"中", 5}, {"dab", 9}}, options);
  CHECK(vocabulary.find("c"));
  CHECK_FALSE(vocabulary.find("d"));
  CHECK_FALSE(vocabulary.find("中"));
  CHECK(vocabulary.find("ab"));
}

TEST_CASE("a vocabulary stops growing when nothing is left to merge",
          "[data][vocabulary_trainer]") {
  VocabularyOptions options;
  options.size = 1000;
  const Vocabulary vocabulary = train_vocabulary({{"ab", 5}, {"abc", 5}}, options);
  CHECK(pieces_of(vocabulary) == std::vector<std::string>{"[PAD]", "[UNK]", "[CLS]", "[SEP]",
                                                          "[MASK]", "a", "b", "c", "##a", "##b",
                                                          "##c", "ab", "abc"});
}

TEST_CASE("training on files does not depend on threads", "[data][vocabulary_trainer]") {
  const TempDir dir;
  for (int i = 0; i < 5; ++i) {
    std::string text;
    for (int j = 0; j < 40000; ++j) {
      text += static_cast<char>('a' + (j * j + i) % 17);
      if (j % 5 == i) text += j % 90 == 0 ? "\n" : " ";
    }
    write_text(dir / (std::to_string(i) + ".txt"), text);
  }
  write_text(dir / "c.json", "{\"text\":\"É!\"}\n");
  VocabularyOptions options;
  options.inputs = {dir.path().string()};
  options.size = 200;
  std::vector<std::vector<std::string>> results;
  for (const int threads : {1, 3}) {
    options.threads = threads;
    VocabularyReport report;
    results.push_back(pieces_of(train_vocabulary(options, &report)));
    CHECK(report.files == 6);
    CHECK(report.documents == 6);
    CHECK(report.pieces == 200);
    CHECK(report.words > 40000);
  }
  CHECK(results[0] == results[1]);
}

TEST_CASE("vocabulary options that make no sense are usage errors", "[data][vocabulary_trainer]") {
  VocabularyOptions options;
  options.size = 5;
  require_error(ErrorKind::usage, {"size"}, [&] { train_vocabulary({{"ab", 3}}, options); });
  options.size = 8;
  require_error(ErrorKind::usage, {"size", "alphabet"}, [&] {
    train_vocabulary({{"ab", 3}}, options);
  });
  options.size = 100;
  options.alphabet = 0;
  require_error(ErrorKind::usage, {"alphabet"}, [&] { train_vocabulary({{"ab", 3}}, options); });
}

TEST_CASE("counting and merging words end when told to stop", "[data][vocabulary_trainer]") {
  const TempDir dir;
  write_text(dir / "a.txt", "some words and more of them\n");
  VocabularyOptions options;
  options.inputs = {dir.path().string()};
  options.stop = [] { return true; };
  CHECK_THROWS_AS(train_vocabulary(options), Interrupted);
  CHECK_THROWS_AS(train_vocabulary({{"abab", 30}, {"ab", 3}}, options), Interrupted);
  options.stop = [] { return false; };
  CHECK(train_vocabulary(options).size() > 5);
}
