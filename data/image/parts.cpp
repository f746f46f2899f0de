#include "data/image/parts.h"

#include <algorithm>
#include <cctype>
#include <map>

namespace orchid::data {
namespace {

/// What lies in a folder.
struct Content {
  bool folders = false;  ///< other than images/
  bool pictures = false, list = false;
};
using Level = std::map<std::string, Content>;  ///< folders beside each other

/// Adds the folder path[depth].
void add(Level& level, const PathParts& path, std::size_t depth) {
  if (path.size() < depth + 2) return;
  Content& content = level[path[depth]];
  const bool inside = path.size() == depth + 2;
  content.folders = content.folders || (!inside && path[depth + 1] != kInner);
  content.pictures = content.pictures || is_picture(path.back());
  content.list = content.list || (inside && std::find(kClassLists.begin(), kClassLists.end(),
                                                      path.back()) != kClassLists.end());
}

bool is_part(const Level& level, const std::string& name) {
  const auto found = level.find(name);
  return found != level.end() && (found->second.folders || found->second.list);
}

bool is_flat_part(const Level& level, const std::string& name,
                  const std::function<bool()>& list_beside) {
  const auto found = level.find(name);
  if (found == level.end() || !found->second.pictures || name == kPartFolders[0]) return false;
  const bool alone = std::none_of(level.begin(), level.end(), [&](const auto& other) {
    return other.first != name && other.second.pictures;
  });
  return alone || is_part(level, kPartFolders[0]) || list_beside();
}

/// The first of `names` that is a part; or nothing.
std::string part_among(const Level& level, const std::vector<std::string>& names, bool flat,
                       const std::function<bool()>& list_beside) {
  for (const std::string& name : names)
    if (is_part(level, name) || (flat && is_flat_part(level, name, list_beside))) return name;
  return "";
}

/// The folder in whose folders all pictures lie, and not as those of a single class do; or nothing.
std::string folder_around(const std::vector<PathParts>& paths) {
  std::string around;
  bool folders = false;  // other than images/
  for (const PathParts& path : paths) {
    if (!is_picture(path.back())) continue;
    if (path.size() < 3 || (!around.empty() && path[0] != around)) return "";
    around = path[0];
    folders = folders || path[1] != kInner;
  }
  return folders ? around : "";
}

}  // namespace

std::vector<std::string> folders_of(ImagePart part) {
  if (part == ImagePart::train) return {kPartFolders[0]};
  return {kPartFolders.begin() + 1, kPartFolders.end()};
}

bool is_part_folder(const std::string& name) {
  return std::find(kPartFolders.begin(), kPartFolders.end(), name) != kPartFolders.end();
}

bool is_picture(const std::string& file) {
  std::string end = file.substr(std::min(file.rfind('.'), file.size()));
  std::transform(end.begin(), end.end(), end.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return end == ".jpeg" || end == ".jpg" || end == ".png";
}

PathParts split_path(const std::string& path) {
  PathParts parts;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

PartChoice choose_part(const std::vector<PathParts>& paths, ImagePart part,
                       const std::function<bool()>& list_beside) {
  const auto wanted = folders_of(part);
  const auto unwanted = folders_of(part == ImagePart::train ? ImagePart::valid : ImagePart::train);
  Level top;
  std::map<std::string, Level> below;  // by the folder around
  for (const PathParts& path : paths) {
    add(top, path, 0);
    if (path.size() >= 3) add(below[path[0]], path, 1);
  }
  const std::string chosen = part_among(top, wanted, true, list_beside);
  if (!chosen.empty()) return {{chosen}};
  const std::string other = part_among(top, unwanted, true, list_beside);
  if (!other.empty()) return {.other = true, .found = other};
  const std::string around_all = folder_around(paths);
  const bool wrapped = !around_all.empty();
  std::string other_below;
  for (const auto& [around, level] : below) {
    const std::string inside = part_among(level, wanted, wrapped, list_beside);
    if (!inside.empty()) return {{around, inside}};
    if (other_below.empty()) other_below = part_among(level, unwanted, wrapped, list_beside);
  }
  if (!other_below.empty()) return {.other = true, .found = other_below};
  if (wrapped) return {{around_all}};
  return {};
}

}  // namespace orchid::data
