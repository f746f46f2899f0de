#include "data/io/sources.h"

#include <zlib.h>

#include "data/io/gzip_reader.h"
#include "data/io/json_text.h"
#include "kernels/core/philox.h"
#include "tests/data/fixtures.h"
#include "tests/support/temp_dir.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace {

void write_gzip(const std::filesystem::path& file, const std::string& text) {
  const gzFile out = ::gzopen(file.c_str(), "ab");  // a second call adds a second member
  REQUIRE(out != nullptr);
  REQUIRE(::gzwrite(out, text.data(), static_cast<unsigned>(text.size())) ==
          static_cast<int>(text.size()));
  ::gzclose(out);
}

std::vector<std::string> documents(const std::vector<std::filesystem::path>& files,
                                   DocumentUnit unit = DocumentUnit::file,
                                   std::int64_t block_bytes = 0) {
  RecordReader reader(files, unit, block_bytes);
  std::vector<std::string> texts;
  for (Record record; reader.next(record);) {
    const bool continues = record.continues;
    const std::string text = decode(std::move(record));
    if (continues) {
      texts.back().append("|").append(text);
    } else {
      texts.push_back(text);
    }
  }
  CHECK(reader.fraction() == 1.0);
  return texts;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("plain text is one document a file, paragraph or line", "[data][sources]") {
  const TempDir dir;
  write_text(dir / "a.txt", "\xEF\xBB\xBFone\r\ntwo\r\n\r\n \r\nthree\r\n");
  write_text(dir / "b.txt", "four");
  const std::vector<std::filesystem::path> files{dir / "a.txt", dir / "b.txt"};
  CHECK(documents(files) == Texts{"one\r\ntwo\r\n\r\n \r\nthree\r\n", "four"});
  CHECK(documents(files, DocumentUnit::paragraph) == Texts{"one\r\ntwo\r\n", "three\r\n", "four"});
  CHECK(documents(files, DocumentUnit::line) == Texts{"one\r\n", "two\r\n", "three\r\n", "four"});
}

TEST_CASE("a long text is handed out in blocks that end with a line", "[data][sources]") {
  const TempDir dir;
  write_text(dir / "a.txt", "one two\nthree\nfour five\nsix\n");
  write_text(dir / "b.txt", "seven\n");
  CHECK(documents({dir / "a.txt", dir / "b.txt"}, DocumentUnit::file, 10) ==
        Texts{"one two\nthree\n|four five\n|six\n", "seven\n"});
}

TEST_CASE("JSON lines give their text, plain or compressed", "[data][sources]") {
  const TempDir dir;
  const std::string lines =
      "{\"text\":\"first\\nline \\u00e9 \\ud83d\\ude01\",\"timestamp\":\"t\",\"url\":\"u\"}\n"
      "\n"
      "{\"meta\":{\"text\":\"no\"},\"list\":[{\"text\":1}],\"text\":\"second 中\"}\n";
  const Texts expected{"first\nline é 😁", "second 中"};
  write_text(dir / "a.json", lines);
  write_gzip(dir / "b.json.gz", lines);
  write_gzip(dir / "c.jsonl.gz", lines.substr(0, lines.size() / 2));
  write_gzip(dir / "c.jsonl.gz", lines.substr(lines.size() / 2));
  for (const char* name : {"a.json", "b.json.gz", "c.jsonl.gz"}) {
    INFO(name);
    CHECK(documents({dir / name}) == expected);
  }
}

TEST_CASE("a written JSON line is read back", "[data][sources]") {
  const std::string text = "quote \" backslash \\ newline \n tab \t é 😁";
  CHECK(json_text(json_line(text, "2020-01-01T00:00:00Z", "https://x.example/")) == text);
}

TEST_CASE("inputs are files, directories and patterns, each file once", "[data][sources]") {
  const TempDir dir;
  std::filesystem::create_directories(dir / "sub");
  for (const char* name : {"b.txt", "a.json.gz", "sub/c.jsonl", "note.md", "d.bin"})
    write_text(dir / name, "x");
  const auto names = [&](const std::vector<std::string>& inputs) {
    Texts found;
    for (const auto& file : list_sources(inputs))
      found.push_back(file.lexically_relative(dir.path()).string());
    return found;
  };
  const std::string root = dir.path().string();
  CHECK(names({root}) == Texts{"a.json.gz", "b.txt", "sub/c.jsonl"});
  CHECK(names({root + "/*.txt", root}) == Texts{"b.txt", "a.json.gz", "sub/c.jsonl"});
  CHECK(names({root + "/note.md"}) == Texts{"note.md"});
  require_error(ErrorKind::input_data, {"absent*", "no such file"},
                [&] { list_sources({root + "/absent*"}); });
  std::filesystem::create_directories(dir / "empty");
  require_error(ErrorKind::input_data, {"empty", ".txt"}, [&] { list_sources({root + "/empty"}); });
  require_error(ErrorKind::usage, {"input"}, [&] { list_sources({}); });
  require_error(ErrorKind::usage, {"page"}, [&] { parse_document_unit("page"); });
}

TEST_CASE("JSON lines without a text are refused by file and line", "[data][sources]") {
  const TempDir dir;
  const auto refuse = [&](const std::string& line, const std::vector<std::string>& words) {
    write_text(dir / "bad.json", "{\"text\":\"fine\"}\n" + line + "\n");
    std::vector<std::string> all{"bad.json", "line 2"};
    all.insert(all.end(), words.begin(), words.end());
    require_error(ErrorKind::input_data, all, [&] { documents({dir / "bad.json"}); });
  };
  refuse("{\"url\":\"x\"}", {"no \"text\""});
  refuse("{\"inner\":{\"text\":\"x\"}}", {"no \"text\""});
  refuse("{\"text\":7}", {"expected a string, got a number"});
  refuse("{\"text\":null}", {"null"});
  refuse("{\"text\":[\"x\"]}", {"an array"});
  refuse("{\"text\":{\"text\":\"x\"}}", {"an object"});
  refuse("[1]", {"expected a JSON object"});
  refuse("\"text\"", {"expected a JSON object"});
  refuse("{\"text\":\"cut", {"invalid JSON"});
  refuse("{\"text\":\"\\ud83d alone\"}", {"invalid JSON"});
  refuse("plain words", {"invalid JSON"});
}

TEST_CASE("what is no text is refused with the byte offset", "[data][sources]") {
  const TempDir dir;
  write_text(dir / "zero.txt", std::string("0123456789\n0123\0xyz", 19));
  require_error(ErrorKind::input_data, {"zero.txt", "NUL byte at offset 15"},
                [&] { documents({dir / "zero.txt"}, DocumentUnit::file, 4); });
  std::string latin = "0123456789";
  for (int i = 0; i < 100; ++i) latin += "na\xEFve ";
  write_text(dir / "latin.txt", latin);
  require_error(ErrorKind::input_data, {"latin.txt", "100 of 610", "offset 12", "UTF-8"},
                [&] { documents({dir / "latin.txt"}); });
  write_text(dir / "stray.txt", "a few stray \xFF bytes are left to the tokenizer");
  CHECK(documents({dir / "stray.txt"}).size() == 1);
}

TEST_CASE("broken compression is refused by file", "[data][sources]") {
  const TempDir dir;
  std::string lines;
  for (int i = 0; i < 5000; ++i)
    lines += "{\"text\":\"document " + std::to_string(i * 7919) + "\"}\n";
  write_gzip(dir / "whole.json.gz", lines);
  const std::string bytes = read_text(dir / "whole.json.gz");

  write_text(dir / "cut.json.gz", bytes.substr(0, bytes.size() / 2));
  require_error(ErrorKind::input_data, {"cut.json.gz", "cannot read"},
                [&] { documents({dir / "cut.json.gz"}); });
  std::string damaged = bytes;
  for (std::size_t i = 0; i < 8; ++i) damaged[bytes.size() / 2 + i] ^= 0x55;
  write_text(dir / "damaged.json.gz", damaged);
  require_error(ErrorKind::input_data, {"damaged.json.gz"},
                [&] { documents({dir / "damaged.json.gz"}); });
  write_text(dir / "plain.json.gz", lines);
  require_error(ErrorKind::input_data, {"plain.json.gz", "expected gzip"},
                [&] { documents({dir / "plain.json.gz"}); });
  require_error(ErrorKind::input_data, {"absent.txt"}, [&] { documents({dir / "absent.txt"}); });
  CHECK(documents({dir / "whole.json.gz"}).size() == 5000);
}

TEST_CASE("random damage to JSON lines is an input error or harmless", "[data][sources]") {
  const TempDir dir;
  const std::string lines =
      "{\"text\":\"one \\u00e9 \\ud83d\\ude01\",\"n\":[1,2.5e3,{\"text\":null}],\"b\":true}\n"
      "{\"url\":\"x\",\"text\":\"two\"}\n";
  write_gzip(dir / "a.json.gz", lines);
  const std::string compressed = read_text(dir / "a.json.gz");
  const Philox random(2, RandomPurpose::test);
  for (std::uint64_t trial = 0; trial < 500; ++trial) {
    std::string bytes = trial % 2 == 0 ? lines : compressed;
    for (std::uint64_t i = 0; i <= trial % 4; ++i) {
      const auto [kind, where, what, unused] = random.words(trial, i);
      const std::size_t at = where % bytes.size();
      if (kind % 4 == 0 && at > 0) bytes.resize(at);
      if (kind % 4 == 1) bytes.insert(at, 1, static_cast<char>(what));
      if (kind % 4 >= 2) bytes[at] = static_cast<char>(what);
    }
    const std::filesystem::path file = dir / (trial % 2 == 0 ? "b.json" : "b.json.gz");
    write_text(file, bytes);
    RecordReader reader({file}, DocumentUnit::file);
    try {
      for (Record record; reader.next(record);) decode(std::move(record));
    } catch (const Error& error) {
      INFO(error.what());
      REQUIRE(error.kind() == ErrorKind::input_data);
    }
  }
}

TEST_CASE("lines longer than the read buffer come out whole", "[data][sources]") {
  const TempDir dir;
  const std::string text(700000, 'x');
  write_text(dir / "long.txt", text + "\n" + text);
  LineReader reader(dir / "long.txt");
  std::string line;
  REQUIRE(reader.next(line));
  CHECK(line == text + "\n");
  REQUIRE(reader.next(line));
  CHECK(line == text);
  CHECK(reader.offset() == 700001);
  CHECK(reader.line() == 2);
  CHECK_FALSE(reader.next(line));
}

TEST_CASE("the first characters of a text are counted in code points", "[data][sources]") {
  CHECK(first_characters("aé中😁z", 3) == "aé中");
  CHECK(first_characters("aé中😁z", 4) == "aé中😁");
  CHECK(first_characters("abc", 5) == "abc");
  CHECK(first_characters("abc", 0) == "abc");
}

TEST_CASE("names that cannot be looked at are bad input, links to nowhere are passed over",
          "[data][sources]") {
  const TempDir dir;
  const std::string long_name(5000, 'x');
  require_error(ErrorKind::input_data, {"File name too long"}, [&] { list_sources({long_name}); });
  write_text(dir / "a.txt", "text");
  std::filesystem::create_symlink("loop.txt", dir / "loop.txt");
  const std::vector<std::filesystem::path> found{dir / "a.txt"};
  CHECK(list_sources({dir.path().string()}) == found);
  CHECK(list_sources({(dir / "*.txt").string()}) == found);
  require_error(ErrorKind::input_data, {"loop.txt", "symbolic links"},
                [&] { list_sources({(dir / "loop.txt").string()}); });
}
