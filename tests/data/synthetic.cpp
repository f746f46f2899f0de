#include "data/synthetic.h"

#include <map>
#include <regex>
#include <set>

#include "data/io/checksum.h"
#include "data/synthetic_words.h"
#include "tests/data/fixtures.h"
#include "tests/support/temp_dir.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

TEST_CASE("a synthetic document is a function of seed and number", "[data][synthetic]") {
  CHECK(synthetic_document(3, 7) == synthetic_document(3, 7));
  std::set<std::string> texts;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    for (std::int64_t number = 0; number < 20; ++number)
      texts.insert(synthetic_document(seed, number));
  }
  CHECK(texts.size() == 100);
  // The text of a seed is part of what makes a run repeatable: change it knowingly.
  std::string all;
  for (std::int64_t number = 0; number < 50; ++number) all += synthetic_document(0, number);
  CHECK(checksum(all) == 0xcb6d5595125c534cull);
}

TEST_CASE("synthetic text keeps the rules it teaches", "[data][synthetic]") {
  std::map<std::string, int, std::less<>> numbers;
  for (std::size_t i = 0; i < words::kNumbers.size(); ++i)
    numbers.emplace(words::kNumbers[i], static_cast<int>(i));
  std::set<std::string, std::less<>> women, men;
  for (const words::Name& name : words::names()) (name.female ? women : men).emplace(name.text);

  const std::regex article("\\b(a [aeiou]|an [^aeiou])");
  const std::regex sum(
      "(\\w+) had (\\w+) (\\w+) and bought (\\w+) more, so (\\w+) had (\\w+) (\\w+)\\.");
  int sums = 0;
  for (std::int64_t number = 0; number < 200; ++number) {
    const std::string text = synthetic_document(1, number);
    INFO(text);
    CHECK_FALSE(std::regex_search(text, article));
    CHECK(text.find("  ") == std::string::npos);
    CHECK(text.back() == '.');
    for (std::sregex_iterator it(text.begin(), text.end(), sum), end; it != end; ++it, ++sums) {
      const std::smatch& m = *it;
      CHECK(numbers.at(m[2]) + numbers.at(m[4]) == numbers.at(m[6]));
      CHECK(m[3] == m[7]);
      CHECK((m[5] == "she" ? women : men).contains(m[1].str()));
    }
  }
  CHECK(sums > 50);
}

TEST_CASE("names and topics are complete", "[data][synthetic]") {
  CHECK(words::names().size() >= 40);
  std::set<std::string_view> all;
  for (const words::Name& name : words::names()) all.insert(name.text);
  CHECK(all.size() == words::names().size());
  for (const words::Topic& topic : words::topics()) {
    INFO(topic.name);
    CHECK(topic.nouns.size() >= 10);
    CHECK(topic.verbs.size() >= 8);
    CHECK(topic.adjectives.size() >= 8);
    CHECK(topic.places.size() >= 3);
  }
}

TEST_CASE("a corpus is written in files that read back as its documents", "[data][synthetic]") {
  const TempDir dir;
  CorpusOptions options;
  options.prefix = dir / "sub/corpus";
  options.documents = 25;
  options.first = 100;
  options.files = 3;
  options.seed = 4;
  const CorpusReport report = write_corpus(options);
  CHECK(report.documents == 25);
  REQUIRE(report.files.size() == 3);
  CHECK(report.files[2] == dir / "sub/corpus.00002-of-00003.json.gz");
  RecordReader reader(report.files, DocumentUnit::file);
  std::int64_t number = 100, bytes = 0;
  for (Record record; reader.next(record); ++number) {
    const std::string text = decode(std::move(record));
    CHECK(text == synthetic_document(4, number));
    bytes += std::ssize(text);
  }
  CHECK(number == 125);
  CHECK(bytes == report.bytes);

  const std::string before = read_text(report.files[1]);
  write_corpus(options);
  CHECK(read_text(report.files[1]) == before);  // byte for byte
}

TEST_CASE("corpus options that make no sense are usage errors", "[data][synthetic]") {
  const TempDir dir;
  CorpusOptions options;
  options.prefix = dir / "c";
  options.documents = 0;
  require_error(ErrorKind::usage, {"document"}, [&] { write_corpus(options); });
  options.documents = 2;
  options.files = 3;
  require_error(ErrorKind::usage, {"1 to 2 files"}, [&] { write_corpus(options); });
}

TEST_CASE("a corpus that is told to stop keeps the files that are whole", "[data][synthetic]") {
  const TempDir dir;
  CorpusOptions options;
  options.prefix = dir / "c";
  options.documents = 4000;
  options.files = 4;
  options.stop = [&] { return std::filesystem::exists(dir / "c.00001-of-00004.json.gz"); };
  std::string remains;
  try {
    write_corpus(options);
  } catch (const Interrupted& stopped) {
    remains = stopped.what_remains();
  }
  CHECK(remains ==
        "2 of 4 files were written, the last as " + (dir / "c.00001-of-00004.json.gz").string());
  const auto entries = std::filesystem::directory_iterator(dir.path());
  CHECK(std::distance(begin(entries), end(entries)) == 2);  // and no partial one
  options.stop = [] { return true; };
  require_error(ErrorKind::failure, {"nothing was written"}, [&] { write_corpus(options); });
}

TEST_CASE("a corpus that has no place names the folder", "[data][synthetic]") {
  CorpusOptions options;
  options.prefix = "/proc/none/c";
  require_error(ErrorKind::failure, {"/proc/none: cannot create this folder"},
                [&] { write_corpus(options); });
}
