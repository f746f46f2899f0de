#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace orchid::train {

/// One line of metrics.jsonl: numbers measured at a step.
struct MetricLine {
  std::int64_t step = 0;
  std::string split;  ///< "train" or "valid"
  std::vector<std::pair<std::string, double>> values;
};

/// {"step":10,"split":"train","loss":6.5,...}
std::string to_json(const MetricLine&);

/// The metrics of a run, a JSON object a line; each line reaches the file at once.
class MetricsFile {
 public:
  /// Opens or creates the file. Lines after `last_step` go, and with `drop_valid` those of splits
  /// "valid..." at that step too; so does a line cut short.
  MetricsFile(const std::filesystem::path&, std::int64_t last_step, bool drop_valid = false);

  void write(const MetricLine&);
  /// Waits until the disk has what was written.
  void sync();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace orchid::train
