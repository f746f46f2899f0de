#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "train/log/metrics.h"

// TensorBoard's event files: TFRecord frames (length, its masked CRC32C, bytes, their masked
// CRC32C) around Event messages in protobuf wire format.

namespace orchid::train {

std::uint32_t crc32c(std::string_view bytes);

/// One TFRecord frame around `message`.
std::string tf_record(std::string_view message);

/// Event messages: the file's version, the start of a (resumed) run, one number of a step.
std::string version_event(double wall_time);
std::string start_event(double wall_time, std::int64_t step);
std::string scalar_event(double wall_time, std::int64_t step, std::string_view tag, float value);

/// A new event file in a directory. A resumed run adds a file; its start event makes TensorBoard
/// forget the steps after `step` of the files before.
class EventFile {
 public:
  EventFile(const std::filesystem::path& directory, std::int64_t step);
  /// Every number of the line, as "train/loss" and so on.
  void write(const MetricLine&);

 private:
  std::filesystem::path path_;
  std::ofstream out_;
};

}  // namespace orchid::train
