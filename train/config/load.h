#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "train/config/run_config.h"

namespace orchid::train {

/// Reads a configuration file: what it `extends` first (RFC 7396 merge, relative to the file), then
/// the file, then each "path.to.key=value" of `sets`. Checks everything; throws usage Errors.
RunConfig load_config(const std::filesystem::path& file, const std::vector<std::string>& sets = {});

/// The same from text, such as a run's own config.json; `origin` names it in errors.
RunConfig parse_config(std::string_view text, const std::string& origin,
                       const std::vector<std::string>& sets = {});

/// What to put among `sets` for a key that is given a text, whatever the text looks like.
std::string set_of(const std::string& key, const std::string& text);

/// Every key with its value, as JSON that parse_config reads back; `indent` 0: on one line.
std::string to_json(const RunConfig&, int indent = 2);

/// A key whose value differs between two configurations.
struct ConfigDifference {
  std::string key;
  std::string before;
  std::string after;
};
std::vector<ConfigDifference> differences(const RunConfig& before, const RunConfig& after);

/// One key of the configuration, as `orchid describe` shows it.
struct KeyDescription {
  std::string key;           ///< "optimizer.groups[].match"
  std::string type;          ///< "integer", "f32 | bf16", "object"
  std::string default_json;  ///< empty: required, or an object
  std::string meaning;
  bool required = false;
};

/// All keys at or below `section`, in the order of the structs; "" for all. Keys of an object that
/// is chosen by its "type" carry the choice: "model(bert).encoder.width".
/// Throws a usage Error for a section that does not exist.
std::vector<KeyDescription> describe_config(const std::string& section);

}  // namespace orchid::train
