#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "data/image/open.h"

namespace orchid::data {

// Which folder of a tree of pictures holds a part of them: train/, val/, ...

using PathParts = std::vector<std::string>;

/// Folders that may be a part; the first is that of training.
constexpr std::array<const char*, 4> kPartFolders{"train", "val", "validation", "valid"};
constexpr const char* kInner = "images";  ///< tiny-ImageNet's folder within a class folder
/// Files that list the classes of a flat folder.
constexpr std::array<const char*, 2> kClassLists{"val_annotations.txt", "val_map.txt"};

std::vector<std::string> folders_of(ImagePart part);
bool is_part_folder(const std::string& name);
/// By the end of its name.
bool is_picture(const std::string& file);
/// What stands between the slashes.
PathParts split_path(const std::string& path);

struct PartChoice {
  PathParts folder = {};   ///< in which the pictures are; empty: all are asked for
  bool other = false;      ///< there is only the other part
  std::string found = {};  ///< and this is its folder
};

/// Chooses among paths of files. train/ and the others are classes like any other unless they hold
/// folders or a list of classes. A flat val/ is a part too if train/ is one, if it is alone, or if
/// `list_beside` says that there is a list of classes for it. The parts may lie in one folder more,
/// as tars often have them, and so may class folders, if nothing else lies beside that folder.
PartChoice choose_part(const std::vector<PathParts>& paths, ImagePart part,
                       const std::function<bool()>& list_beside);

}  // namespace orchid::data
