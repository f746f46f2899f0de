#include "train/log/tensorboard.h"

#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

using namespace orchid::train;
using orchid::test::slurp;
using orchid::test::TempDir;
using namespace std::string_literals;

TEST_CASE("crc32c has the values of RFC 3720", "[train][tensorboard]") {
  CHECK(crc32c("") == 0);
  CHECK(crc32c("123456789") == 0xE3069283u);
  CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AAu);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62A8AB43u);
}

TEST_CASE("a scalar event has protobuf's bytes", "[train][tensorboard]") {
  // Event{wall_time: 1.0, step: 300, summary{value{tag: "a/b", simple_value: 0.5}}}
  const std::string expected =
      "\x09\0\0\0\0\0\0\xf0\x3f"s  // field 1, fixed64: 1.0
      "\x10\xac\x02"s              // field 2, varint: 300
      "\x2a\x0c"s                  // field 5, 12 bytes: summary
      "\x0a\x0a"s                  // field 1, 10 bytes: value
      "\x0a\x03"s
      "a/b"s              // field 1: tag
      "\x15\0\0\0\x3f"s;  // field 2, fixed32: 0.5
  CHECK(scalar_event(1.0, 300, "a/b", 0.5f) == expected);
}

TEST_CASE("the version and start events have protobuf's bytes", "[train][tensorboard]") {
  CHECK(version_event(1.0) ==
        "\x09\0\0\0\0\0\0\xf0\x3f\x1a\x0d"
        "brain.Event:2"s);
  CHECK(start_event(1.0, 5) == "\x09\0\0\0\0\0\0\xf0\x3f\x10\x05\x3a\x02\x08\x01"s);
}

TEST_CASE("a record is framed by its length and masked checksums", "[train][tensorboard]") {
  const std::string record = tf_record("abc");
  REQUIRE(record.size() == 8 + 4 + 3 + 4);
  CHECK(record.substr(0, 8) == "\x03\0\0\0\0\0\0\0"s);
  const auto number = [&](std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i)
      value |= std::uint32_t{static_cast<unsigned char>(record[at + i])} << (8 * i);
    return value;
  };
  const auto masked = [](std::string_view bytes) {
    const std::uint32_t crc = crc32c(bytes);
    return ((crc >> 15) | (crc << 17)) + 0xA282EAD8u;
  };
  CHECK(number(8) == masked("\x03\0\0\0\0\0\0\0"s));
  CHECK(record.substr(12, 3) == "abc");
  CHECK(number(15) == masked("abc"));
}

TEST_CASE("an event file holds its events in order", "[train][tensorboard]") {
  const TempDir dir;
  EventFile(dir.path(), 3).write({4, "valid", {{"loss", 1.5}, {"accuracy", 0.25}}});
  const auto file = *std::filesystem::directory_iterator(dir.path());
  CHECK(file.path().filename().string().find("events.out.tfevents.") == 0);
  std::vector<std::string> messages;
  const std::string bytes = slurp(file.path());
  for (std::size_t at = 0; at < bytes.size();) {
    const auto length = static_cast<std::size_t>(static_cast<unsigned char>(bytes[at]));
    messages.push_back(bytes.substr(at + 12, length));
    REQUIRE(tf_record(messages.back()) == bytes.substr(at, length + 16));
    at += length + 16;
  }
  REQUIRE(messages.size() == 4);
  CHECK(messages[2].substr(9) == scalar_event(0, 4, "valid/loss", 1.5f).substr(9));
  CHECK(messages[3].substr(9) == scalar_event(0, 4, "valid/accuracy", 0.25f).substr(9));
}
