#include "data/text/unicode.h"

#include <string>

#include "tests/support/catch.h"

using namespace orchid::data;

namespace {

std::string normal(std::string_view text) {
  std::string out;
  Normalizer().run(text, out);
  return out;
}

}  // namespace

TEST_CASE("find_invalid_utf8 accepts exactly the well-formed sequences", "[data][unicode]") {
  CHECK_FALSE(find_invalid_utf8("plain ascii, longer than a word"));
  CHECK_FALSE(find_invalid_utf8("é 中 \U0001F601 \U0010FFFF"));
  CHECK(find_invalid_utf8("12345678\xFF") == 8);
  CHECK(find_invalid_utf8("\xC0\x80") == 0);          // overlong
  CHECK(find_invalid_utf8("\xE0\x80\x80") == 0);      // overlong
  CHECK(find_invalid_utf8("a\xED\xA0\x80") == 1);     // surrogate
  CHECK(find_invalid_utf8("\xF4\x90\x80\x80") == 0);  // above U+10FFFF
  CHECK(find_invalid_utf8("ab\xE2\x82") == 2);        // cut off
  CHECK(find_invalid_utf8("\xE2\x82\x41") == 0);      // broken by ASCII
}

TEST_CASE("append_utf8 and next_code_point are inverse", "[data][unicode]") {
  for (char32_t code = 0; code <= 0x10FFFF; code += code < 0x900 ? 1 : 37) {
    if (code >= 0xD800 && code <= 0xDFFF) continue;
    std::string text;
    append_utf8(text, code);
    std::size_t at = 0;
    REQUIRE(next_code_point(text, at) == code);
    REQUIRE(at == text.size());
  }
}

TEST_CASE("the normaliser drops, blanks, strips and lowers as BERT does", "[data][unicode]") {
  CHECK(normal("HÉLLO Wörld") == "hello world");
  CHECK(normal("tab\tline\ncarriage\r") == "tab line carriage ");
  CHECK(normal("a\vb\fc\x7F") == "abc");                  // category Cc, but no blanks
  CHECK(normal("a\u200Bb\u00ADc\uFEFF\uFFFD") == "abc");  // format characters
  CHECK(normal("x\u0085y") == "xy");                      // NEL is Cc
  CHECK(normal("x\u00A0y\u3000z\u2028w") == "x y z w");   // white space beyond ASCII
  CHECK(normal("\uE000pua") == "pua");                    // private use
  CHECK(normal("a\u0378b") == "a\u0378b");                // unassigned
  CHECK(normal("中文") == " 中  文 ");
  CHECK(normal("ΑΣ") == "ασ");
  CHECK(normal("İ ẞ") == "i ß");
  CHECK(normal("e\u0301t\u00E9") == "ete");
  CHECK(normal("\u1EAD") == "a");                                   // two marks below and above
  CHECK(normal("한글") == "\u1112\u1161\u11AB\u1100\u1173\u11AF");  // Hangul decomposes to jamo
  CHECK(normal("\u037E") == ";");       // becomes ASCII by decomposition
  CHECK(normal("a\xFF\xC3z") == "az");  // invalid bytes vanish
  CHECK(normal(std::string_view("a\0b", 3)) == "ab");
  CHECK(normal("का") == "का");  // a vowel sign of category Mc stays
  CHECK(normal("कि्") == "कि");  // the virama is Mn
}

TEST_CASE("the gap in the CJK ranges is an option", "[data][unicode]") {
  CHECK(is_cjk(0x4E2D, true));
  CHECK(is_cjk(0x2B81F, true));
  CHECK_FALSE(is_cjk(0x2B820, true));
  CHECK(is_cjk(0x2B820, false));
  CHECK(is_cjk(0x2B920, true));
  CHECK_FALSE(is_cjk(0x3042, false));  // Hiragana
  CHECK_FALSE(is_cjk(0xAC00, false));  // Hangul
}

TEST_CASE("punctuation is ASCII symbols and category P", "[data][unicode]") {
  for (const char32_t code : U"!/:@[`{~$+<=>^|—“”…¿·。") {
    if (code != 0) CHECK(is_punctuation(code));
  }
  for (const char32_t code : U"aZ09 €©\U0001F601中é") {
    if (code != 0) CHECK_FALSE(is_punctuation(code));
  }
}
