#include "train/config/load.h"

#include <algorithm>

#include "train/config/json_reader.h"

namespace orchid::train {
namespace {

constexpr const char* kRequired[] = {"name", "model", "task", "data"};

/// Throws for anything a RunConfig does not have; `merged` may lack required keys.
RunConfig read_config(const Json& merged) {
  RunConfig config;
  read_json(merged, "", config);
  return config;
}

/// The file merged over what it extends. `open` lists the files being read, outermost first.
Json read_file(const std::filesystem::path& file, std::vector<std::filesystem::path>& open) {
  const std::filesystem::path here = std::filesystem::weakly_canonical(file);
  if (std::find(open.begin(), open.end(), here) != open.end()) {
    std::string chain;
    for (const auto& step : open) chain += step.string() + " -> ";
    throw Error(str("extends: files extend each other: ", chain, here.string()), ErrorKind::usage);
  }
  ORCHID_CHECK_USAGE(open.size() < 32, "extends: expected at most 32 files in a row");
  Json own = parse_json(read_text(file, ErrorKind::usage), ErrorKind::usage);
  if (!own.is_object()) expected("the file", "an object {...}", own);

  Json merged = Json::object();
  if (const auto extends = own.find("extends"); extends != own.end()) {
    if (!extends->is_string()) expected("extends", "the path of another file", *extends);
    const std::filesystem::path base = file.parent_path() / extends->get<std::string>();
    own.erase("extends");
    open.push_back(here);
    merged = with_context(str("extends ", base.string()), [&] { return read_file(base, open); });
    open.pop_back();
  }
  merged.merge_patch(own);
  read_config(merged);  // so that an error names the file it is in
  return merged;
}

Json parse_value(const std::string& text) {
  try {
    return parse_json(text, ErrorKind::usage);
  } catch (const Error&) {
    return text;  // --set name=first_try needs no quotes
  }
}

/// The element of a list that "0", "1"... names.
Json& element(Json& list, const std::string& index, const std::string& path) {
  const bool digits =
      !index.empty() && index.size() < 6 &&
      std::all_of(index.begin(), index.end(), [](char c) { return c >= '0' && c <= '9'; });
  ORCHID_CHECK_USAGE(digits && std::stoul(index) < list.size(), path, ": expected an index below ",
                     list.size(), " of a list, got \"", index, "\"");
  return list[std::stoul(index)];
}

void apply_set(Json& config, const std::string& assignment) {
  const std::size_t equals = assignment.find('=');
  ORCHID_CHECK_USAGE(equals != std::string::npos && equals > 0,
                     "expected path.to.key=value, got \"", assignment, "\"");
  const std::string path = assignment.substr(0, equals);
  Json* node = &config;
  std::size_t begin = 0;
  while (true) {
    const std::size_t dot = path.find('.', begin);
    const std::string key = path.substr(begin, dot - begin);
    ORCHID_CHECK_USAGE(!key.empty(), "expected path.to.key=value, got \"", assignment, "\"");
    const bool last = dot == std::string::npos;
    if (node->is_array()) {
      node = &element(*node, key, path.substr(0, begin - 1));
    } else {
      ORCHID_CHECK_USAGE(node->is_object(), path.substr(0, begin ? begin - 1 : 0),
                         ": expected a section, it is ", preview(*node));
      if (!last && !node->contains(key)) (*node)[key] = Json::object();
      if (last && parse_value(assignment.substr(equals + 1)).is_null()) {
        node->erase(key);  // as null does in a file that extends another
        return;
      }
      node = &(*node)[key];
    }
    if (last) break;
    begin = dot + 1;
  }
  *node = parse_value(assignment.substr(equals + 1));
}

RunConfig finish(Json merged, const std::vector<std::string>& sets, const std::string& origin) {
  for (const std::string& assignment : sets)
    with_context(str("--set ", assignment), [&] {
      apply_set(merged, assignment);
      read_config(merged);
    });
  return with_context(str("reading ", origin), [&] {
    for (const char* key : kRequired)
      ORCHID_CHECK_USAGE(merged.contains(key), key, ": required, and missing");
    RunConfig config = read_config(merged);
    validate(config);
    return config;
  });
}

}  // namespace

std::string set_of(const std::string& key, const std::string& text) {
  return key + "=" + Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

RunConfig load_config(const std::filesystem::path& file, const std::vector<std::string>& sets) {
  std::vector<std::filesystem::path> open;
  Json merged = with_context(str("reading ", file.string()), [&] { return read_file(file, open); });
  return finish(std::move(merged), sets, file.string());
}

RunConfig parse_config(std::string_view text, const std::string& origin,
                       const std::vector<std::string>& sets) {
  Json merged = with_context(str("reading ", origin), [&] {
    Json own = parse_json(text, ErrorKind::usage);
    if (!own.is_object()) expected("the file", "an object {...}", own);
    Json whole = Json::object();
    whole.merge_patch(own);  // so that null means the default here too
    read_config(whole);
    return whole;
  });
  return finish(std::move(merged), sets, origin);
}

std::vector<ConfigDifference> differences(const RunConfig& before, const RunConfig& after) {
  const auto flat = [](const RunConfig& config) {
    return parse_json(to_json(config), ErrorKind::failure).flatten();
  };
  const Json left = flat(before), right = flat(after);
  std::vector<ConfigDifference> found;
  const auto name = [](std::string pointer) {  // "/batch/global" -> "batch.global"
    std::replace(pointer.begin(), pointer.end(), '/', '.');
    return pointer.substr(1);
  };
  for (const auto& [key, value] : left.items())
    if (!right.contains(key)) {
      found.push_back({name(key), value.dump(), "absent"});
    } else if (right[key] != value) {
      found.push_back({name(key), value.dump(), right[key].dump()});
    }
  for (const auto& [key, value] : right.items())
    if (!left.contains(key)) found.push_back({name(key), "absent", value.dump()});
  return found;
}

}  // namespace orchid::train
