#include "data/text/wordpiece.h"

#include <sstream>

#include "data/io/mapped_file.h"
#include "tests/data/fixtures.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace {

using Ids = std::vector<std::int32_t>;

std::string pieces(const WordPiece& wordpiece, const Vocabulary& vocabulary,
                   std::string_view text) {
  std::string joined;
  for (const std::int32_t id : wordpiece.encode(text)) {
    joined += (joined.empty() ? "" : " ") + vocabulary.piece(id);
  }
  return joined;
}

std::string repeat(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

}  // namespace

TEST_CASE("wordpiece cuts words greedily from the left", "[data][wordpiece]") {
  const Vocabulary vocabulary = tiny_vocabulary();
  const WordPiece wordpiece(vocabulary);
  const auto cut = [&](std::string_view text) { return pieces(wordpiece, vocabulary, text); };
  CHECK(cut("") == "");
  CHECK(cut(" \t\r\n") == "");
  CHECK(cut("unaffable") == "un ##aff ##able");
  CHECK(cut("UnAffable cats") == "un ##aff ##able cat ##s");
  CHECK(cut("abcabc") == "a ##b ##c ##a ##b ##c");
  CHECK(cut("unaffableq") == "[UNK]");  // one letter that does not fit spoils the word
  CHECK(cut("the dog's mat.") == "the dog ' [UNK] mat .");
  CHECK(cut("a,b!c") == "a , b ! c");
  CHECK(cut("Café café cafe\u0301") == "cafe cafe cafe");
  CHECK(cut("中文日") == "中 文 日");
  CHECK(cut("a\u200Bb\u00ADc") == "a ##b ##c");
  CHECK(cut("a中b") == "a 中 b");
  CHECK(cut("$²") == "$ ²");
  CHECK(cut("[MASK] mask") == "[ mask ] mask");
  CHECK(cut("\xFF\xFE"
            "cat\xC3") == "cat");
}

TEST_CASE("a word above 100 characters is unknown", "[data][wordpiece]") {
  const Vocabulary vocabulary = tiny_vocabulary();
  const WordPiece wordpiece(vocabulary);
  CHECK(wordpiece.encode(repeat("a", 100)).size() == 100);
  CHECK(wordpiece.encode(repeat("a", 101)) == Ids{vocabulary.unknown()});
  CHECK(wordpiece.encode(repeat("σ", 100)).size() == 100);  // 200 bytes: characters count
  CHECK(wordpiece.encode(repeat("σ", 101)) == Ids{vocabulary.unknown()});
}

TEST_CASE("special strings are text unless asked for", "[data][wordpiece]") {
  const Vocabulary vocabulary = tiny_vocabulary();
  WordPieceOptions options;
  options.literal_specials = true;
  const WordPiece literal(vocabulary, options);
  CHECK(pieces(literal, vocabulary, "the [MASK] sat[SEP]") == "the [MASK] sat [SEP]");
  CHECK(pieces(literal, vocabulary, "the [mask] [MASK") == "the [ mask ] [ mask");
  CHECK(pieces(literal, vocabulary, "[CLS]") == "[CLS]");
}

TEST_CASE("the cache changes nothing, and a limit keeps exactly that many pieces",
          "[data][wordpiece]") {
  const Vocabulary vocabulary = tiny_vocabulary();
  const WordPiece wordpiece(vocabulary);
  const std::string text =
      "the unaffable cat's running, abcabcabc and it sat on the mat. 中文 café";
  const Ids expected = wordpiece.encode(text);
  const std::shared_ptr<WordCache> cache = wordpiece.make_cache();
  for (int pass = 0; pass < 3; ++pass) {
    Ids ids;
    wordpiece.encode(text, *cache, ids);
    CHECK(ids == expected);
  }
  for (std::int64_t limit = 1; limit <= std::ssize(expected) + 2; ++limit) {
    Ids ids{-5};
    wordpiece.encode(text, *cache, ids, limit);
    Ids wanted{-5};
    const std::int64_t kept = std::min(limit, std::ssize(expected));
    wanted.insert(wanted.end(), expected.begin(), expected.begin() + kept);
    CHECK(ids == wanted);
  }
}

TEST_CASE("many words share the cache without mixing up", "[data][wordpiece]") {
  // More distinct words than the cache has places, so that they push each other out.
  const Vocabulary vocabulary = tiny_vocabulary();
  const WordPiece wordpiece(vocabulary);
  const std::shared_ptr<WordCache> cache = wordpiece.make_cache();
  for (int pass = 0; pass < 2; ++pass) {
    for (int number = 0; number < 60000; ++number) {
      std::string word, expected;
      for (int rest = number + 1; rest > 0; rest /= 3) {
        const char letter = static_cast<char>('a' + rest % 3);
        expected += word.empty() ? std::string(1, letter) : std::string(" ##") + letter;
        word += letter;
      }
      Ids ids;
      wordpiece.encode(word, *cache, ids);
      std::string got;
      for (const std::int32_t id : ids) got += (got.empty() ? "" : " ") + vocabulary.piece(id);
      if (got != expected) FAIL(word << ": expected " << expected << ", got " << got);
    }
  }
}

TEST_CASE("the golden vectors of bert-base-uncased come out", "[data][wordpiece]") {
  const auto file = shared_data("vocab/bert-base-uncased-vocab.txt");
  if (!file) return;
  const Vocabulary vocabulary = Vocabulary::load(*file);
  REQUIRE(vocabulary.size() == 30522);
  CHECK(vocabulary.padded_size() == 30528);
  CHECK(vocabulary.mask() == 103);
  const WordPiece wordpiece(vocabulary);
  const std::vector<std::pair<std::string, Ids>> golden{
      {"Hello, y'all! How are you 😁 ?",
       {7592, 1010, 1061, 1005, 2035, 999, 2129, 2024, 2017, 100, 1029}},
      {"unaffable", {14477, 20961, 3468}},
      {"HÉLLO Wörld", {7592, 2088}},
      {"The   quick\tbrown\r\nfox", {1996, 4248, 2829, 4419}},
      {"中文abc", {1746, 1861, 5925}},
      {"a\u200Bb\u00ADc", {5925}},
      {repeat("x", 101), {100}},
      {"İstanbul ẞ ß", {9960, 1096, 1096}},
      {"naïve café", {15743, 7668}},
      {"[MASK] tokens", {1031, 7308, 1033, 19204, 2015}},
      {"1,000.5", {1015, 1010, 2199, 1012, 1019}},
      {"ＡＢ fullwidth", {100, 2440, 9148, 11927, 2232}},
      {"e\u0301t\u00E9", {3802, 2063}},
      {"— “quoted” …", {1517, 1523, 9339, 1524, 1529}},
      {"supercalifragilisticexpialidocious",
       {3565, 9289, 10128, 29181, 24411, 4588, 10288, 19312, 21273, 10085, 6313}},
      {"\uE000 pua", {16405, 2050}}};
  for (const auto& [text, ids] : golden) {
    INFO(text);
    CHECK(wordpiece.encode(text) == ids);
  }
  CHECK(wordpiece.encode(repeat("x", 100)).size() == 50);
}

TEST_CASE("13 languages are cut without a crash and without losing text", "[data][wordpiece]") {
  const auto folder = shared_data("unicode_udhr");
  const auto file = shared_data("vocab/bert-base-uncased-vocab.txt");
  if (!folder || !file) return;
  const Vocabulary vocabulary = Vocabulary::load(*file);
  const WordPiece wordpiece(vocabulary);
  int languages = 0;
  for (const auto& entry : std::filesystem::directory_iterator(*folder)) {
    INFO(entry.path());
    const MappedFile mapped = MappedFile::open(entry.path());
    const Ids whole = wordpiece.encode(mapped.text());
    CHECK(whole.size() > 500);
    // Line by line gives the same pieces: no state leaks over line ends.
    Ids by_line;
    std::istringstream lines{std::string(mapped.text())};
    const std::shared_ptr<WordCache> cache = wordpiece.make_cache();
    for (std::string line; std::getline(lines, line);) wordpiece.encode(line, *cache, by_line);
    CHECK(by_line == whole);
    ++languages;
  }
  CHECK(languages == 13);
}
