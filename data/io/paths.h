#pragma once

#include <filesystem>
#include <string>
#include <system_error>

namespace orchid::data {

/// "a/b/" and "a/b" name one folder; this is the latter.
inline std::filesystem::path without_slash(const std::filesystem::path& path) {
  return path.has_filename() ? path : path.parent_path();
}

/// Links are followed; one that leads nowhere or to itself is none of these.
inline bool is_file(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}
inline bool is_folder(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

/// With those above it. An Error names it, why not, and how to mend it.
void create_folders(const std::filesystem::path& folder, const std::string& mend = "");

/// A name without folders before it.
inline bool is_plain_name(const std::filesystem::path& name) {
  return name.has_filename() && !name.has_parent_path() && name != "." && name != "..";
}

}  // namespace orchid::data
