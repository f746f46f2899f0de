#include "train/config/load.h"
#include "train/log/json_writer.h"

namespace orchid::train {
namespace {

/// A configuration as JSON, by the structs' `fields`.
class ConfigWriter {
 public:
  explicit ConfigWriter(JsonWriter& json) : json_(json) {}

  template <NamedEnum Enum>
  void write(Enum value) {
    json_.value(enum_name(value));
  }
  template <class T>
  requires requires(JsonWriter& json, const T& value) { json.value(value); }
  void write(const T& value) { json_.value(value); }
  template <class T>
  requires requires(T& value) {
    value.size(), value[0];
  } &&(!std::is_same_v<T, std::string>)void write(const T& list) {
    json_.begin_array();
    for (const auto& value : list) write(value);
    json_.end_array();
  }
  template <class Struct>
  requires requires(Struct& value) {
    Struct::fields(value, [](const char*, auto&, const char*) {});
  }
  void write(const Struct& value) {
    json_.begin_object();
    members(value);
    json_.end_object();
  }
  template <class T>
  void write(const std::map<std::string, T>& sections) {
    json_.begin_object();
    for (const auto& [key, section] : sections) member(key.c_str(), section);
    json_.end_object();
  }
  template <class... Alternatives>
  void write(const std::variant<Alternatives...>& value) {
    std::visit(
        [&](const auto& alternative) {
          json_.begin_object();
          json_.member("type", std::remove_cvref_t<decltype(alternative)>::type);
          members(alternative);
          json_.end_object();
        },
        value);
  }

 private:
  template <class Struct>
  void members(const Struct& value) {
    Struct::fields(value,
                   [&](const char* key, const auto& field, const char*) { member(key, field); });
  }
  template <class T>
  void member(const char* key, const T& field) {
    json_.key(key);
    write(field);
  }
  template <class T>
  void member(const char* key, const std::optional<T>& field) {
    if (field) member(key, *field);
  }

  JsonWriter& json_;
};

}  // namespace

std::string to_json(const RunConfig& config, int indent) {
  JsonWriter json(indent);
  ConfigWriter(json).write(config);
  return json.text();
}

}  // namespace orchid::train
