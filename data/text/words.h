#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "data/text/unicode.h"

namespace orchid::data {

/// Splits text into the words that WordPiece cuts into pieces: normalised (see Normalizer), split
/// at blanks, each punctuation character a word of its own. One a thread: it keeps its buffers.
class WordSplitter {
 public:
  explicit WordSplitter(bool hf_cjk_gap = true) : normalizer_(hf_cjk_gap) {}

  /// Calls `sink(word)` for each word until one call returns false. The view lasts for the call.
  template <class Sink>
  void run(std::string_view text, Sink&& sink) {
    const char* const end = text.data() + text.size();
    const char* at = text.data();
    while (at != end) {
      const char* const start = at;
      unsigned bits = 0;
      for (; at != end && !is_blank(*at); ++at) bits |= static_cast<unsigned char>(*at);
      const std::string_view chunk(start, static_cast<std::size_t>(at - start));
      if (at != end) ++at;
      if (chunk.empty()) continue;
      if (!(bits < 0x80 ? ascii(chunk, sink) : general(chunk, sink))) return;
    }
  }

 private:
  static bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

  /// A run of ASCII without blanks: no tables of Unicode needed.
  template <class Sink>
  bool ascii(std::string_view chunk, Sink& sink) {
    if (buffer_.size() < chunk.size()) buffer_.resize(2 * chunk.size());
    std::size_t size = 0;
    for (const char c : chunk) {
      if (is_ascii_punctuation(c)) {
        if (size > 0 && !sink(std::string_view(buffer_.data(), size))) return false;
        size = 0;
        if (!sink(std::string_view(&c, 1))) return false;
        continue;
      }
      const char normal = kAsciiNormal[static_cast<unsigned char>(c)];
      buffer_[size] = normal;
      size += normal != 0;
    }
    return size == 0 || sink(std::string_view(buffer_.data(), size));
  }

  template <class Sink>
  bool general(std::string_view chunk, Sink& sink) {
    normalizer_.run(chunk, buffer_);
    const std::string_view text(buffer_);
    std::size_t start = 0;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t here = at;
      const char32_t code = next_code_point(text, at).value_or(U' ');
      const bool punctuation = is_punctuation(code);
      if (code != U' ' && !punctuation) continue;
      if (here > start && !sink(text.substr(start, here - start))) return false;
      if (punctuation && !sink(text.substr(here, at - here))) return false;
      start = at;
    }
    return start == text.size() || sink(text.substr(start));
  }

  Normalizer normalizer_;
  std::string buffer_;
};

}  // namespace orchid::data
