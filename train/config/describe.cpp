#include "kernels/core/enum_names.h"
#include "train/config/json_reader.h"
#include "train/config/load.h"

namespace orchid::train {
namespace {

/// Walks the structs of the configuration and lists their fields.
class Describer {
 public:
  std::vector<KeyDescription> keys;

  template <FieldList Struct>
  void section(const std::string& path, const Struct& defaults) {
    Struct::fields(defaults, [&](const char* key, const auto& field, const char* meaning) {
      add(child(path, key), field, meaning);
    });
  }

 private:
  void put(const std::string& path, const std::string& type, const Json& value,
           const char* meaning) {
    keys.push_back({path, type, value.is_null() ? "" : value.dump(), meaning});
  }

  void add(const std::string& path, bool value, const char* meaning) {
    put(path, "true | false", value, meaning);
  }
  void add(const std::string& path, double value, const char* meaning) {
    put(path, "number", value, meaning);
  }
  void add(const std::string& path, std::int64_t value, const char* meaning) {
    put(path, "integer", value, meaning);
  }
  void add(const std::string& path, std::uint64_t value, const char* meaning) {
    put(path, "integer", value, meaning);
  }
  void add(const std::string& path, const std::string& value, const char* meaning) {
    put(path, "text", value, meaning);
  }
  template <NamedEnum Enum>
  void add(const std::string& path, const Enum& value, const char* meaning) {
    put(path, enum_choices<Enum>(), enum_name(value), meaning);
  }
  void add(const std::string& path, const std::array<double, 2>& value, const char* meaning) {
    put(path, "[number, number]", Json(value), meaning);
  }
  void add(const std::string& path, const std::optional<double>&, const char* meaning) {
    put(path, "number or absent", Json(), meaning);
  }
  template <FieldList Struct>
  void add(const std::string& path, const std::optional<Struct>&, const char* meaning) {
    put(path, "object or absent", Json(), meaning);
    section(path, Struct{});
  }
  template <FieldList Struct>
  void add(const std::string& path, const std::vector<Struct>&, const char* meaning) {
    put(path, "list", Json::array(), meaning);
    section(path + "[]", Struct{});
  }
  template <class T>
  void add(const std::string& path, const std::vector<T>& value, const char* meaning) {
    put(path, "list", Json(value), meaning);
  }
  template <FieldList Struct>
  void add(const std::string& path, const std::map<std::string, Struct>&, const char* meaning) {
    put(path, "object", Json(), meaning);
    section(path + ".NAME", Struct{});
  }
  template <FieldList Struct>
  void add(const std::string& path, const Struct& value, const char* meaning) {
    put(path, "object", Json(), meaning);
    section(path, value);
  }
  /// The defaults of an alternative are its values where it stands, which a model may have chosen.
  template <class... Alternatives>
  void add(const std::string& path, const std::variant<Alternatives...>& value,
           const char* meaning) {
    std::string choices;
    ((choices += str(choices.empty() ? "" : " | ", Alternatives::type)), ...);
    put(path, "object", Json(), meaning);
    put(child(path, "type"), choices,
        std::visit([](const auto& held) { return std::remove_cvref_t<decltype(held)>::type; },
                   value),
        "which kind; the other keys here depend on it");
    const auto describe = [&]<class Alternative>(Alternative fresh) {
      const auto* held = std::get_if<Alternative>(&value);
      section(str(path, "(", Alternative::type, ")"), held ? *held : fresh);
    };
    (describe(Alternatives{}), ...);
  }
};

/// "model(bert).encoder" without the choices: "model.encoder".
std::string plain(const std::string& key) {
  std::string text;
  bool inside = false;
  for (const char c : key) {
    if (c == '(') inside = true;
    if (!inside && c != '[' && c != ']') text += c;
    if (c == ')') inside = false;
  }
  return text;
}

}  // namespace

std::vector<KeyDescription> describe_config(const std::string& section) {
  Describer describer;
  describer.section("", RunConfig{});
  std::vector<KeyDescription> keys = std::move(describer.keys);
  keys.insert(keys.begin() + 1, {"extends", "text", "",
                                 "another file, relative to this one, whose keys hold unless "
                                 "given here"});
  std::vector<KeyDescription> wanted;
  std::vector<std::string> sections;
  for (KeyDescription& key : keys) {
    for (const char* required : {"name", "model", "task", "data"})
      if (key.key == required) {
        key.required = true;
        key.default_json.clear();
      }
    const std::string path = plain(key.key);
    if (section.empty() || path == section || path.starts_with(section + "."))
      wanted.push_back(key);
    sections.push_back(path);
  }
  if (wanted.empty()) {
    std::vector<std::string> known;
    for (const std::string& path : sections)
      if (path.find('.') == std::string::npos) known.push_back(path);
    throw Error(str("describe: no key \"", section, "\"", suggestion(section, known)),
                ErrorKind::usage);
  }
  return wanted;
}

}  // namespace orchid::train
