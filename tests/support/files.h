#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/catch.h"

namespace orchid::test {

#ifdef ORCHID_SOURCE_DIR
/// Where tests find the repository's files: ORCHID_SOURCE_DIR in the environment, for a program
/// that runs on another machine than it was built on, else where it was built.
inline std::filesystem::path source_dir() {
  const char* moved = std::getenv("ORCHID_SOURCE_DIR");
  return moved != nullptr && *moved != 0 ? moved : ORCHID_SOURCE_DIR;
}
#endif

/// Writes a file as it stands; its directory is made.
inline void spit(const std::filesystem::path& file, const std::string& content) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << content;
}

inline std::string slurp(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  INFO("reading " << file);
  REQUIRE(in.good());
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace orchid::test
