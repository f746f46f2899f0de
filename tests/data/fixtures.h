#pragma once

#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "data/text/vocabulary.h"
#include "kernels/core/error.h"
#include "tests/support/catch.h"

namespace orchid::test {

/// A vocabulary small enough to work out expected pieces by hand.
inline std::vector<std::string> tiny_pieces() {
  return {"[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat",  "un",
          "##aff", "##able",    "##a",   "a",     "##b",   "b",      "##c", "c",    "cafe",
          ".",     ",",         "!",     "'",     "中",    "文",     "日",  "##文", "ß",
          "²",     "[",         "]",     "mask",  "sat",   "on",     "mat", "##s",  "dog",
          "ran",   "##ning",    "run",   "and",   "it",    "$",      "ς",   "σ",    "##σ"};
}
inline data::Vocabulary tiny_vocabulary() {
  return data::Vocabulary(tiny_pieces());
}

inline void write_text(const std::filesystem::path& file, std::string_view text) {
  std::ofstream(file, std::ios::binary) << text;
}
inline std::string read_text(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

/// Requires an Error of this kind that mentions each of the words.
template <class Body>
void require_error(ErrorKind kind, const std::vector<std::string>& words, Body&& body) {
  std::optional<Error> error;
  try {
    body();
  } catch (const Error& caught) {
    error = caught;
  }
  REQUIRE(error);
  INFO(error->what());
  CHECK(error->kind() == kind);
  for (const std::string& word : words) {
    INFO("expected in the message: " << word);
    CHECK(std::string(error->what()).find(word) != std::string::npos);
  }
}

/// A file of the shared test data, or nothing and a loud line where it is absent.
inline std::optional<std::filesystem::path> shared_data(const std::string& name) {
  const std::filesystem::path file =
      std::filesystem::path(ORCHID_SOURCE_DIR "/../shared/data/text") / name;
  if (std::filesystem::exists(file)) return file;
  std::cerr << "SKIPPED: " << file.lexically_normal().string() << " is not there\n";
  return std::nullopt;
}

}  // namespace orchid::test
