#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace orchid::data {

/// Byte offset of the first byte that is no part of valid UTF-8 (surrogates and overlong forms
/// are invalid).
std::optional<std::size_t> find_invalid_utf8(std::string_view text);

/// Decodes the code point at `at` and moves `at` behind it; an invalid byte gives nothing and is
/// stepped over alone.
std::optional<char32_t> next_code_point(std::string_view text, std::size_t& at);

void append_utf8(std::string& text, char32_t code);

/// Code points of valid UTF-8.
std::int64_t count_characters(std::string_view text);

/// General category Cc, Cf, Cs or Co: control, format, surrogate, private use. Unassigned code
/// points are kept, as the Hugging Face tokenizer does.
bool is_other(char32_t);
/// General category P*, or ASCII that BERT treats alike ($ + < = > ^ ` | ~).
bool is_punctuation(char32_t);
/// The Unicode property White_Space.
bool is_white_space(char32_t);
/// The ideographs that BERT makes words of their own. `hf_gap` leaves out U+2B820..2B91F, as the
/// Hugging Face tokenizer does by a slip.
bool is_cjk(char32_t, bool hf_gap);

/// How the tokenizer sees each ASCII character: 0 dropped, ' ' blank, else its lower case.
constexpr std::array<char, 128> kAsciiNormal = [] {
  std::array<char, 128> table{};
  for (int c = 0x20; c < 0x7F; ++c) {
    table[static_cast<std::size_t>(c)] = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  }
  table['\t'] = table['\n'] = table['\r'] = ' ';
  return table;
}();

constexpr bool is_ascii_punctuation(char c) {
  return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
         (c >= 123 && c <= 126);
}

/// BERT's normalisation of a piece of text as Hugging Face does it: drop U+0000, U+FFFD and
/// is_other(), make blanks of white space, put blanks around CJK, decompose (NFD), drop accents
/// (Mn), lower-case. Keeps its buffers between calls.
class Normalizer {
 public:
  explicit Normalizer(bool hf_cjk_gap = true) : hf_cjk_gap_(hf_cjk_gap) {}
  /// Replaces the content of `out`. Invalid bytes are dropped.
  void run(std::string_view text, std::string& out);

 private:
  void decompose(char32_t code);

  bool hf_cjk_gap_;
  std::vector<char32_t> codes_;
};

}  // namespace orchid::data
