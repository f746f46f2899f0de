#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// What travels between a store and its clients: frames of a length (4 bytes, low first) and as
/// many bytes. A request is an operation (1 byte), the length of its key (2 bytes, low first), the
/// key and the value; the first must be a greeting. An answer is a status (1 byte) and a value.
namespace orchid::train::wire {

constexpr std::size_t kMostKey = 256;
constexpr std::size_t kMostValue = std::size_t{64} << 10;
constexpr std::size_t kMostFrame = 3 + kMostKey + kMostValue;

constexpr char kGreet = 'J';  ///< key: this protocol's name; value: the job
constexpr char kSet = 'S';
constexpr char kGet = 'G';
constexpr char kDone = 'D';
constexpr char kNone = 'N';   ///< the key has no value
constexpr char kOther = 'O';  ///< the server is of another job
constexpr std::string_view kProtocol = "orchid store 1";

struct Request {
  char operation = 0;
  std::string key, value;
};

std::string frame(std::string_view bytes);
/// Takes the first whole frame off `bytes`; nothing where there is none yet.
/// Throws Error for a length beyond kMostFrame.
std::optional<std::string> take_frame(std::string& bytes);

std::string encode(const Request&);
/// Nothing for bytes that are no request.
std::optional<Request> decode(std::string_view bytes);

}  // namespace orchid::train::wire
