#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "train/config/text_file.h"

// The one way JSON text from outside becomes a value. Includes the heavy header: only for the few
// sources that read JSON.

namespace orchid::train {

using Json = nlohmann::json;

/// Strict JSON: no comments, no key twice in an object, at most 64 levels, no text after the value.
/// Throws an Error of `kind` with line and column, or with the path of a repeated key.
Json parse_json(std::string_view text, ErrorKind kind);

/// The value for messages, cut to a readable length.
std::string preview(const Json&);

}  // namespace orchid::train
