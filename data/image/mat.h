#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace orchid::data {

/// An array of MATLAB's files, version 5: numbers (also logical), text or structs, and cells;
/// other kinds are empty.
struct MatArray {
  std::vector<std::int64_t> extents;
  std::vector<double> numbers;
  std::string text;
  std::vector<MatArray> cells;
  std::map<std::string, std::vector<MatArray>> fields;  ///< of a struct, a value for each element

  std::int64_t count() const;
};

/// The arrays of a file by name. input_data Errors name the byte, but know no file. What is
/// unpacked is at most 256 MiB.
std::map<std::string, MatArray> read_mat(std::span<const std::byte> bytes);

/// What ImageNet's devkit says in meta.mat: the class of each ILSVRC2012_ID. Only classes without
/// parts (num_children 0) count. Throws an input_data Error that names the file.
std::map<std::int64_t, std::string> read_devkit_classes(const std::string& file);

}  // namespace orchid::data
