#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/io/mapped_file.h"
#include "kernels/core/tensor.h"

// The safetensors layout, readable by other tools: 8 bytes little-endian length of the header, a
// JSON header {"name": {"dtype", "shape", "data_offsets"}, ..., "__metadata__": {...}}, then the
// tensors' bytes without gaps.

namespace orchid::train {

/// One tensor of a file.
struct SafetensorsEntry {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::size_t begin = 0;  ///< of its bytes, after the header
  std::size_t bytes = 0;
};

/// A file mapped into memory. open() checks header, sizes and overlaps before anything is
/// allocated; what it refuses is an input_data Error that names the file and the tensor.
class SafetensorsFile {
 public:
  static SafetensorsFile open(const std::filesystem::path&);

  const std::vector<SafetensorsEntry>& entries() const { return entries_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const SafetensorsEntry* find(const std::string& name) const;

  /// Copies a tensor's elements into `to`, which must agree in type and shape.
  void read(const std::string& name, Tensor& to) const;

 private:
  void parse();

  std::filesystem::path file_;
  data::MappedFile map_;
  std::size_t data_begin_ = 0;
  std::vector<SafetensorsEntry> entries_;  ///< by position in the file
  std::map<std::string, std::size_t> by_name_;
  std::map<std::string, std::string> metadata_;
};

struct NamedTensor {
  std::string name;
  Tensor tensor;  ///< f32, f64, i32 or i64
};

/// Size and checksum of a file as written.
struct WrittenFile {
  std::size_t bytes = 0;
  std::uint64_t checksum = 0;
};

/// Writes the tensors in order, straight from their memory; the file appears complete or not at
/// all, and is on the disk when this returns.
WrittenFile write_safetensors(const std::filesystem::path&, const std::vector<NamedTensor>& tensors,
                              const std::map<std::string, std::string>& metadata = {});

}  // namespace orchid::train
