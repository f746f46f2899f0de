#include "data/text/unicode.h"

#include <cstring>
#include <utility>

#include <utf8proc.h>

namespace orchid::data {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

utf8proc_category_t category_of(char32_t code) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(code));
}

int combining_class(char32_t code) {
  return utf8proc_get_property(static_cast<utf8proc_int32_t>(code))->combining_class;
}

bool in(char32_t code, char32_t first, char32_t last) {
  return code >= first && code <= last;
}

}  // namespace

std::optional<char32_t> next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
  };
  const unsigned first = byte(0);
  std::size_t size = 1;
  char32_t code = first;
  if (first >= 0x80) {
    size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    bool valid = first >= 0xC2 && first <= 0xF4;
    code = first & (0x7Fu >> size);
    for (std::size_t i = 1; i < size; ++i) {
      valid = valid && (byte(i) & 0xC0u) == 0x80u;
      code = (code << 6) | (byte(i) & 0x3Fu);
    }
    constexpr std::array<char32_t, 5> kSmallest{0, 0, 0x80, 0x800, 0x10000};
    if (!valid || code < kSmallest[size] || code > 0x10FFFF || in(code, 0xD800, 0xDFFF)) {
      ++at;
      return std::nullopt;
    }
  }
  at += size;
  return code;
}

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    std::uint64_t word = 0;
    while (at + 8 <= text.size()) {
      std::memcpy(&word, text.data() + at, 8);
      if ((word & 0x8080808080808080ull) != 0) break;
      at += 8;
    }
    if (at == text.size()) break;
    const std::size_t start = at;
    if (!next_code_point(text, at)) return start;
  }
  return std::nullopt;
}

void append_utf8(std::string& text, char32_t code) {
  const auto put = [&](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0 | (code >> 6));
  } else {
    if (code < 0x10000) {
      put(0xE0 | (code >> 12));
    } else {
      put(0xF0 | (code >> 18));
      put(0x80 | ((code >> 12) & 0x3F));
    }
    put(0x80 | ((code >> 6) & 0x3F));
  }
  put(0x80 | (code & 0x3F));
}

std::int64_t count_characters(std::string_view text) {
  std::int64_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0u) != 0x80u;
  return count;
}

bool is_other(char32_t code) {
  const utf8proc_category_t category = category_of(code);
  return category >= UTF8PROC_CATEGORY_CC && category <= UTF8PROC_CATEGORY_CO;
}

bool is_punctuation(char32_t code) {
  if (code < 0x80) return is_ascii_punctuation(static_cast<char>(code));
  const utf8proc_category_t category = category_of(code);
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

bool is_white_space(char32_t code) {
  return in(code, 0x09, 0x0D) || code == 0x20 || code == 0x85 || code == 0xA0 || code == 0x1680 ||
         in(code, 0x2000, 0x200A) || code == 0x2028 || code == 0x2029 || code == 0x202F ||
         code == 0x205F || code == 0x3000;
}

bool is_cjk(char32_t code, bool hf_gap) {
  return in(code, 0x4E00, 0x9FFF) || in(code, 0x3400, 0x4DBF) || in(code, 0x20000, 0x2A6DF) ||
         in(code, 0x2A700, 0x2B73F) || in(code, 0x2B740, 0x2B81F) ||
         in(code, hf_gap ? 0x2B920 : 0x2B820, 0x2CEAF) || in(code, 0xF900, 0xFAFF) ||
         in(code, 0x2F800, 0x2FA1F);
}

/// Appends the canonical decomposition, keeping combining marks in canonical order.
void Normalizer::decompose(char32_t code) {
  constexpr utf8proc_ssize_t kLongest = 16;  // Unicode's canonical decompositions have at most 4
  std::array<utf8proc_int32_t, kLongest> parts;
  int boundary = 0;
  const utf8proc_ssize_t count = utf8proc_decompose_char(
      static_cast<utf8proc_int32_t>(code), parts.data(), kLongest, UTF8PROC_DECOMPOSE, &boundary);
  for (utf8proc_ssize_t i = 0; i < count && i < kLongest; ++i) {
    const auto part = static_cast<char32_t>(parts[static_cast<std::size_t>(i)]);
    codes_.push_back(part);
    const int order = combining_class(part);
    for (std::size_t at = codes_.size() - 1; order != 0 && at > 0; --at) {
      if (combining_class(codes_[at - 1]) <= order) break;
      std::swap(codes_[at - 1], codes_[at]);
    }
  }
}

void Normalizer::run(std::string_view text, std::string& out) {
  codes_.clear();
  for (std::size_t at = 0; at < text.size();) {
    const std::optional<char32_t> code = next_code_point(text, at);
    if (!code || *code == 0 || *code == kReplacement) continue;
    if (*code < 0x80) {
      const char normal = kAsciiNormal[*code];
      if (normal != 0) codes_.push_back(static_cast<char32_t>(normal));
    } else if (is_other(*code)) {
      continue;
    } else if (is_white_space(*code)) {
      codes_.push_back(U' ');
    } else if (is_cjk(*code, hf_cjk_gap_)) {
      codes_.push_back(U' ');
      decompose(*code);
      codes_.push_back(U' ');
    } else {
      decompose(*code);
    }
  }
  out.clear();
  for (const char32_t code : codes_) {
    if (code < 0x80) {
      out.push_back(kAsciiNormal[code]);
    } else if (category_of(code) != UTF8PROC_CATEGORY_MN) {
      append_utf8(out,
                  static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code))));
    }
  }
}

}  // namespace orchid::data
