#include "train/comm/store_wire.h"

#include "kernels/core/error.h"

namespace orchid::train::wire {
namespace {

std::string little_endian(std::size_t value, std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

std::size_t from_little_endian(std::string_view text) {
  std::size_t value = 0;
  for (std::size_t i = text.size(); i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(text[i]);
  return value;
}

}  // namespace

std::string frame(std::string_view bytes) {
  return little_endian(bytes.size(), 4).append(bytes);
}

std::optional<std::string> take_frame(std::string& bytes) {
  if (bytes.size() < 4) return std::nullopt;
  const std::size_t length = from_little_endian(std::string_view(bytes).substr(0, 4));
  ORCHID_CHECK(length <= kMostFrame, "a message of ", length, " bytes: expected at most ",
               kMostFrame);
  if (bytes.size() < 4 + length) return std::nullopt;
  std::string content = bytes.substr(4, length);
  bytes.erase(0, 4 + length);
  return content;
}

std::string encode(const Request& request) {
  ORCHID_CHECK(request.key.size() <= kMostKey, "key: expected at most ", kMostKey, " bytes, got ",
               request.key.size());
  ORCHID_CHECK(request.value.size() <= kMostValue, "value: expected at most ", kMostValue,
               " bytes, got ", request.value.size());
  return frame(request.operation + little_endian(request.key.size(), 2) + request.key +
               request.value);
}

std::optional<Request> decode(std::string_view bytes) {
  if (bytes.size() < 3) return std::nullopt;
  const std::size_t key = from_little_endian(bytes.substr(1, 2));
  if (key > kMostKey || bytes.size() < 3 + key || bytes.size() > 3 + key + kMostValue)
    return std::nullopt;
  return Request{bytes[0], std::string(bytes.substr(3, key)), std::string(bytes.substr(3 + key))};
}

}  // namespace orchid::train::wire
