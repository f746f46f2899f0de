#pragma once

#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "kernels/core/enum_names.h"
#include "train/config/json.h"
#include "train/config/suggest.h"

// JSON to the structs of a configuration, by their `fields`. Strict: every key must be known and
// every value of the right type; errors name the path. Included by load.cpp alone.

namespace orchid::train {

template <class T>
concept FieldList = requires(T& value) {
  T::fields(value, [](const char*, auto&, const char*) {});
};

[[noreturn]] inline void expected(const std::string& path, const std::string& what,
                                  const Json& got) {
  throw Error(str(path, ": expected ", what, "; got ", preview(got)), ErrorKind::usage);
}

inline std::string child(const std::string& path, const std::string& key) {
  return path.empty() ? key : str(path, ".", key);
}

inline void read_json(const Json& json, const std::string& path, bool& value) {
  if (!json.is_boolean()) expected(path, "true or false", json);
  value = json.get<bool>();
}

inline void read_json(const Json& json, const std::string& path, double& value) {
  if (!json.is_number()) expected(path, "a number", json);
  value = json.get<double>();
}

inline void read_json(const Json& json, const std::string& path, std::string& value) {
  if (!json.is_string()) expected(path, "text in quotes", json);
  value = json.get<std::string>();
}

/// Also takes 1e3 and 4.0, which are integers however they are written.
template <class Integer>
requires std::is_same_v<Integer, std::int64_t> || std::is_same_v<Integer, std::uint64_t>
void read_json(const Json& json, const std::string& path, Integer& value) {
  constexpr bool natural = std::is_unsigned_v<Integer>;
  const std::string what = natural ? "an integer from 0 to 2^64 - 1" : "an integer";
  if (json.is_number_float()) {
    const double number = json.get<double>();
    if (std::floor(number) != number || std::abs(number) > 0x1p53 || (natural && number < 0))
      expected(path, what, json);
    value = static_cast<Integer>(number);
  } else if (json.is_number_unsigned()) {
    const auto number = json.get<std::uint64_t>();
    if (number > static_cast<std::uint64_t>(std::numeric_limits<Integer>::max()))
      expected(path, what + " below 2^63", json);
    value = static_cast<Integer>(number);
  } else {
    if (!json.is_number_integer() || natural) expected(path, what, json);
    value = json.get<Integer>();
  }
}

template <NamedEnum Enum>
void read_json(const Json& json, const std::string& path, Enum& value) {
  if (json.is_string()) {
    for (const auto& entry : EnumNames<Enum>::values)
      if (json.get<std::string>() == entry.name) {
        value = entry.value;
        return;
      }
  }
  expected(path, enum_choices<Enum>(), json);
}

template <FieldList Struct>
void read_json(const Json& json, const std::string& path, Struct& value, bool variant = false);

template <class... Alternatives>
void read_json(const Json& json, const std::string& path, std::variant<Alternatives...>& value) {
  if (!json.is_object()) expected(path, "an object {...}", json);
  std::string choices;
  ((choices += str(choices.empty() ? "" : " | ", Alternatives::type)), ...);
  if (const auto type = json.find("type"); type != json.end()) {
    const auto matches = [&](const char* name) { return type->is_string() && *type == name; };
    // The alternative that stands there already keeps its values: they are the default there.
    const auto choose = [&]<class Alternative>(Alternative fresh) {
      if (!matches(Alternative::type)) return false;
      if (!std::holds_alternative<Alternative>(value)) value = std::move(fresh);
      return true;
    };
    if (!(choose(Alternatives{}) || ...)) expected(child(path, "type"), choices, *type);
  }
  std::visit([&](auto& alternative) { read_json(json, path, alternative, true); }, value);
}

/// "a,b" or 3 as the list it stands for.
template <class T>
Json listed(const Json& json) {
  Json list = Json::array();
  const std::string text = json.is_string() ? json.get<std::string>() : json.dump();
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    if constexpr (std::is_same_v<T, std::string>) {
      list.push_back(part);
    } else {
      list.push_back(Json::accept(part) ? Json::parse(part) : Json(part));
    }
    begin = end + 1;
  }
  return list;
}

template <class T>
void read_json(const Json& json, const std::string& path, std::optional<T>& value) {
  value.emplace();
  read_json(json, path, *value);
}

/// Lists of plain values are also read from text with commas, as `--set glue.tasks=cola,rte` has
/// it, and from a single value.
template <class T>
void read_json(const Json& json, const std::string& path, std::vector<T>& value) {
  if constexpr (!FieldList<T>) {
    if (json.is_string() || json.is_number()) return read_json(listed<T>(json), path, value);
  }
  if (!json.is_array()) expected(path, "a list [...]", json);
  value.assign(json.size(), T{});
  for (std::size_t i = 0; i < value.size(); ++i) read_json(json[i], child(path, str(i)), value[i]);
}

/// Sections by name.
template <class T>
void read_json(const Json& json, const std::string& path, std::map<std::string, T>& value) {
  if (!json.is_object()) expected(path, "an object {...}", json);
  for (const auto& [key, section] : json.items()) read_json(section, child(path, key), value[key]);
}

template <class T, std::size_t N>
void read_json(const Json& json, const std::string& path, std::array<T, N>& value) {
  if (!json.is_array() || json.size() != N) expected(path, str("a list of ", N, " values"), json);
  for (std::size_t i = 0; i < N; ++i) read_json(json[i], child(path, str(i)), value[i]);
}

/// Keys that are absent keep the struct's default. `variant`: "type" has been read by the caller.
template <FieldList Struct>
void read_json(const Json& json, const std::string& path, Struct& value, bool variant) {
  if (!json.is_object()) expected(path.empty() ? "the file" : path, "an object {...}", json);
  std::vector<std::string> known;
  if (variant) known.emplace_back("type");
  Struct::fields(value, [&](const char* key, auto&, const char*) { known.emplace_back(key); });
  for (const auto& [key, unused] : json.items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      throw Error(str(child(path, key), ": unknown key", suggestion(key, known)), ErrorKind::usage);
  Struct::fields(value, [&](const char* key, auto& field, const char*) {
    if (const auto found = json.find(key); found != json.end())
      read_json(*found, child(path, key), field);
  });
}

}  // namespace orchid::train
