#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace orchid::data {

/// A 64-bit checksum of a byte stream, for damage and for splitting by content; not against
/// forgery. Four lanes take the 8-byte little-endian words of each 32-byte block in turn,
///   x = rotl(lane ^ word * kFirst, 29) * kSecond,  lane <- x ^ (x >> 31),
/// the last block padded with zeros; lanes and the length are then mixed in the same way. Each
/// step is a bijection of its word, so a change within one word never goes unnoticed.
class Checksum {
 public:
  void update(std::span<const std::byte> bytes) {
    length_ += bytes.size();
    if (pending_ > 0) {
      const std::size_t part = std::min(bytes.size(), kBlock - pending_);
      std::memcpy(block_.data() + pending_, bytes.data(), part);
      pending_ += part;
      bytes = bytes.subspan(part);
      if (pending_ < kBlock) return;
      take(block_.data());
      pending_ = 0;
    }
    for (; bytes.size() >= kBlock; bytes = bytes.subspan(kBlock)) take(bytes.data());
    if (!bytes.empty()) std::memcpy(block_.data(), bytes.data(), bytes.size());
    pending_ = bytes.size();
  }

  std::uint64_t value() const {
    Checksum last = *this;
    if (last.pending_ > 0) {
      std::memset(last.block_.data() + last.pending_, 0, kBlock - last.pending_);
      last.take(last.block_.data());
    }
    std::uint64_t sum = step(kFirst, length_);
    for (const std::uint64_t lane : last.lanes_) sum = step(sum, lane);
    return (sum ^ (sum >> 32)) * kSecond;
  }

 private:
  static constexpr std::size_t kBlock = 32;
  static constexpr std::uint64_t kFirst = 0x9E3779B97F4A7C15ull;
  static constexpr std::uint64_t kSecond = 0xD6E8FEB86659FD93ull;

  static std::uint64_t step(std::uint64_t lane, std::uint64_t word) {
    const std::uint64_t sum = std::rotl(lane ^ (word * kFirst), 29) * kSecond;
    return sum ^ (sum >> 31);
  }
  void take(const std::byte* bytes) {
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      std::uint64_t word;
      std::memcpy(&word, bytes + 8 * i, 8);
      if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
      lanes_[i] = step(lanes_[i], word);
    }
  }

  std::array<std::uint64_t, 4> lanes_{1, 2, 3, 4};
  std::array<std::byte, kBlock> block_{};
  std::size_t pending_ = 0;
  std::uint64_t length_ = 0;
};

inline std::uint64_t checksum(std::span<const std::byte> bytes) {
  Checksum sum;
  sum.update(bytes);
  return sum.value();
}

inline std::uint64_t checksum(std::string_view text) {
  return checksum(std::as_bytes(std::span(text)));
}

}  // namespace orchid::data
