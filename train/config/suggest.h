#pragma once

#include <string>
#include <vector>

namespace orchid::train {

/// Insertions, deletions and replacements of a character that turn `a` into `b`.
std::size_t edit_distance(const std::string& a, const std::string& b);

/// For messages about an unknown name: `; did you mean "width"? known here: layers, width`.
std::string suggestion(const std::string& name, std::vector<std::string> known);

}  // namespace orchid::train
