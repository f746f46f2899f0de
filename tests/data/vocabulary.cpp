#include "data/text/vocabulary.h"

#include "tests/data/fixtures.h"
#include "tests/support/temp_dir.h"

using namespace orchid;
using namespace orchid::test;

TEST_CASE("a vocabulary survives saving and loading", "[data][vocabulary]") {
  const TempDir dir;
  const data::Vocabulary made = tiny_vocabulary();
  made.save(dir / "vocab.txt");
  const data::Vocabulary loaded = data::Vocabulary::load(dir / "vocab.txt");
  REQUIRE(loaded.size() == made.size());
  for (std::int32_t id = 0; id < made.size(); ++id) {
    CHECK(loaded.piece(id) == made.piece(id));
    CHECK(loaded.find(made.piece(id)) == id);
  }
  CHECK(loaded.mask() == 5);
  CHECK(loaded.is_special(2));
  CHECK_FALSE(loaded.is_special(1));
  CHECK_FALSE(loaded.find("absent"));
  CHECK(loaded.padded_size() == 48);
  CHECK(loaded.padded_size(64) == 64);
  CHECK(loaded.decode({6, 8, 9, 10}) == "the unaffable");
  CHECK_THROWS_AS(loaded.piece(static_cast<std::int32_t>(loaded.size())), Error);
}

TEST_CASE("a vocabulary file may have CRLF and lack the last line end", "[data][vocabulary]") {
  const TempDir dir;
  write_text(dir / "v", "[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n[MASK]\r\nword");
  CHECK(data::Vocabulary::load(dir / "v").find("word") == 5);
}

TEST_CASE("a vocabulary file that will not do is refused by name and line", "[data][vocabulary]") {
  const TempDir dir;
  const auto refuse = [&](const std::string& text, const std::vector<std::string>& words) {
    write_text(dir / "bad.txt", text);
    require_error(ErrorKind::input_data, words, [&] { data::Vocabulary::load(dir / "bad.txt"); });
  };
  refuse("[PAD]\n[UNK]\n[CLS]\n[SEP]\nx\n", {"bad.txt", "no [MASK]"});
  refuse("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nx\nx\n", {"bad.txt", "line 7", "line 6"});
  refuse("[PAD]\n[UNK]\n\n[CLS]\n", {"bad.txt", "line 3", "empty"});
  refuse("[PAD]\n\xFF\n", {"bad.txt", "line 2", "UTF-8"});
  refuse("", {"bad.txt", "no [PAD]"});
  require_error(ErrorKind::input_data, {"absent.txt"},
                [&] { data::Vocabulary::load(dir / "absent.txt"); });
}
