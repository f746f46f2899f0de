#include "train/log/metrics.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <sstream>

#include <unistd.h>

#include "data/io/atomic_file.h"
#include "kernels/core/error.h"
#include "train/log/json_writer.h"

namespace orchid::train {
namespace {

/// Whether a line of an earlier process stays. Our own lines begin {"step":N,"split":"...",
bool stays(const std::string& line, std::int64_t last_step, bool drop_valid) {
  constexpr std::string_view kBegin = "{\"step\":";
  if (!line.starts_with(kBegin) || line.back() != '}') return false;
  std::int64_t step = 0;
  const char* digits = line.data() + kBegin.size();
  const auto [end, failed] = std::from_chars(digits, line.data() + line.size(), step);
  if (failed != std::errc{} || step > last_step) return false;
  const bool valid = std::string_view(end).starts_with(",\"split\":\"valid");
  return !(drop_valid && valid && step == last_step);
}

}  // namespace

std::string to_json(const MetricLine& line) {
  JsonWriter json;
  json.begin_object().member("step", line.step).member("split", line.split);
  for (const auto& [key, value] : line.values) json.member(key, value);
  return json.end_object().text();
}

MetricsFile::MetricsFile(const std::filesystem::path& path, std::int64_t last_step, bool drop_valid)
    : path_(path) {
  if (std::filesystem::exists(path)) {
    std::ifstream in(path);
    std::string kept, line;
    while (std::getline(in, line) && stays(line, last_step, drop_valid)) kept += line + "\n";
    data::write_file(path, kept);
  }
  file_.reset(std::fopen(path.c_str(), "a"));
  ORCHID_CHECK(file_, path.string(), ": cannot open it: ", std::strerror(errno));
}

void MetricsFile::write(const MetricLine& line) {
  const std::string text = to_json(line) + "\n";
  const bool written = std::fwrite(text.data(), 1, text.size(), file_.get()) == text.size() &&
                       std::fflush(file_.get()) == 0;
  ORCHID_CHECK(written, path_.string(), ": cannot write: ", std::strerror(errno));
}

void MetricsFile::sync() {
  ORCHID_CHECK(fsync(fileno(file_.get())) == 0, path_.string(),
               ": cannot write: ", std::strerror(errno));
}

}  // namespace orchid::train
