#include "train/log/json_writer.h"

#include <limits>

#include "tests/support/catch.h"

using orchid::train::JsonWriter;

TEST_CASE("nested values are separated and indented", "[train][json]") {
  const auto write = [](int indent) {
    JsonWriter json(indent);
    json.begin_object().member("a", 1).key("b").begin_array().value(true).null().end_array();
    json.key("c").begin_object().end_object().end_object();
    return json.text();
  };
  CHECK(write(0) == R"({"a":1,"b":[true,null],"c":{}})");
  CHECK(write(2) == "{\n  \"a\": 1,\n  \"b\": [\n    true,\n    null\n  ],\n  \"c\": {}\n}");
}

TEST_CASE("numbers keep every digit and non-finite ones become null", "[train][json]") {
  JsonWriter json;
  json.begin_array().value(0.1).value(1.0 / 3).value(4.0).value(1e7).value(1e300);
  json.value(std::int64_t{-9223372036854775807}).value(std::uint64_t{18446744073709551615u});
  json.value(std::numeric_limits<double>::quiet_NaN());
  json.value(std::numeric_limits<double>::infinity()).end_array();
  CHECK(json.text() ==
        "[0.1,0.3333333333333333,4,10000000,1e+300,-9223372036854775807,18446744073709551615,null,"
        "null]");
}

TEST_CASE("text is escaped and always valid UTF-8", "[train][json]") {
  const auto quoted = [](std::string_view text) {
    JsonWriter json;
    json.value(text);
    return json.text();
  };
  CHECK(quoted("a\"b\\c\n\t\x01") == R"("a\"b\\c\n\u0009\u0001")");
  CHECK(quoted("\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x81") ==
        "\"\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x81\"");
  // A lone continuation byte, an overlong slash, a surrogate, a cut sequence.
  CHECK(quoted("\x80") == "\"\xEF\xBF\xBD\"");
  CHECK(quoted("\xC0\xAF") == "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
  CHECK(quoted("\xED\xA0\x80") == "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
  CHECK(quoted("x\xE2\x82") == "\"x\xEF\xBF\xBD\xEF\xBF\xBD\"");
}
