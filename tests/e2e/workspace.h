#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/e2e/program.h"
#include "tests/support/temp_dir.h"

namespace orchid::test {

/// A directory with tiny token shards at the paths of configs/smoke/mlm.json (made by the program
/// itself from generated text), to run the program in.
class Workspace {
 public:
  Workspace();

  const std::filesystem::path& path() const { return directory_.path(); }
  std::filesystem::path operator/(const std::string& name) const { return path() / name; }

  ProgramResult run(const std::vector<std::string>& arguments,
                    const Program::Options& options = {}) const {
    return orchid(path(), arguments, options);
  }
  /// run() that must exit with 0 and print JSON.
  nlohmann::json answer(const std::vector<std::string>& arguments) const;

  /// `train configs/smoke/mlm.json` and then `more`.
  std::vector<std::string> train(const std::vector<std::string>& more = {}) const;

 private:
  TempDir directory_;
};

/// configs/<name> of the source tree.
std::string config_path(const std::string& name);

/// The lines of a metrics.jsonl without the keys that measure time.
std::string metrics_without_times(const std::filesystem::path& file);

}  // namespace orchid::test
