#include "train/log/tensorboard.h"

#include <array>
#include <bit>
#include <chrono>

#include <unistd.h>

#include "kernels/core/error.h"

namespace orchid::train {
namespace {

std::string little_endian(std::uint64_t number, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(number >> (8 * i));
  return text;
}

// Wire types of protobuf fields, and the numbers of the fields used here (event.proto).
enum Wire : std::uint32_t { varint = 0, fixed64 = 1, length = 2, fixed32 = 5 };
namespace event {
enum : std::uint32_t { wall_time = 1, step = 2, file_version = 3, summary = 5, session_log = 7 };
}
namespace summary {
enum : std::uint32_t { value = 1 };
}
namespace value {
enum : std::uint32_t { tag = 1, simple_value = 2 };
}
namespace session {
enum : std::uint32_t { status = 1 };
enum : std::uint32_t { start = 1 };
}  // namespace session

std::string encode_varint(std::uint64_t number) {
  std::string text;
  for (; number >= 0x80; number >>= 7) text += static_cast<char>(number | 0x80);
  return text + static_cast<char>(number);
}

std::string key(std::uint32_t field, Wire wire) {
  return encode_varint(field << 3 | wire);
}

std::string bytes_field(std::uint32_t field, std::string_view bytes) {
  return key(field, Wire::length) + encode_varint(bytes.size()) + std::string(bytes);
}

std::string event_head(double wall_time, std::int64_t step) {
  std::string text = key(event::wall_time, Wire::fixed64) +
                     little_endian(std::bit_cast<std::uint64_t>(wall_time), 8);
  if (step != 0)
    text += key(event::step, Wire::varint) + encode_varint(static_cast<std::uint64_t>(step));
  return text;
}

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static constexpr auto kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t remainder = i;
      for (int bit = 0; bit < 8; ++bit)
        remainder = (remainder >> 1) ^ ((remainder & 1) ? 0x82F63B78u : 0u);
      table[i] = remainder;
    }
    return table;
  }();
  std::uint32_t crc = ~0u;
  for (const char c : bytes)
    crc = kTable[(crc ^ static_cast<unsigned char>(c)) & 0xFF] ^ (crc >> 8);
  return ~crc;
}

std::string tf_record(std::string_view message) {
  const auto masked = [](std::string_view bytes) {
    return little_endian(std::rotr(crc32c(bytes), 15) + 0xA282EAD8u, 4);
  };
  const std::string length = little_endian(message.size(), 8);
  return length + masked(length) + std::string(message) + masked(message);
}

std::string version_event(double wall_time) {
  return event_head(wall_time, 0) + bytes_field(event::file_version, "brain.Event:2");
}

std::string start_event(double wall_time, std::int64_t step) {
  const std::string status = key(session::status, Wire::varint) + encode_varint(session::start);
  return event_head(wall_time, step) + bytes_field(event::session_log, status);
}

std::string scalar_event(double wall_time, std::int64_t step, std::string_view tag, float number) {
  const std::string scalar = bytes_field(value::tag, tag) +
                             key(value::simple_value, Wire::fixed32) +
                             little_endian(std::bit_cast<std::uint32_t>(number), 4);
  return event_head(wall_time, step) +
         bytes_field(event::summary, bytes_field(summary::value, scalar));
}

EventFile::EventFile(const std::filesystem::path& directory, std::int64_t step) {
  std::filesystem::create_directories(directory);
  char host[256] = "host";
  gethostname(host, sizeof host - 1);
  path_ = directory / str("events.out.tfevents.", static_cast<std::int64_t>(now()), ".", host, ".",
                          getpid(), ".", step);
  out_.open(path_, std::ios::binary | std::ios::app);
  out_ << tf_record(version_event(now())) << tf_record(start_event(now(), step)) << std::flush;
  ORCHID_CHECK(out_, path_.string(), ": cannot write");
}

void EventFile::write(const MetricLine& line) {
  for (const auto& [name, number] : line.values)
    out_ << tf_record(
        scalar_event(now(), line.step, line.split + "/" + name, static_cast<float>(number)));
  out_ << std::flush;
  ORCHID_CHECK(out_, path_.string(), ": cannot write");
}

}  // namespace orchid::train
