#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace orchid::train {

/// Writes JSON text piece by piece: what `--json`, metrics and summaries need, without a JSON
/// library. Numbers keep every digit; a number that is not finite becomes null.
///   JsonWriter json;
///   json.begin_object().member("step", 3).key("loss").value(2.5).end_object();
class JsonWriter {
 public:
  /// `indent` 0: all on one line.
  explicit JsonWriter(int indent = 0) : indent_(indent) {}

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);

  JsonWriter& value(double);
  JsonWriter& value(std::int64_t);
  JsonWriter& value(std::uint64_t);
  JsonWriter& value(int number) { return value(std::int64_t{number}); }
  JsonWriter& value(bool);
  JsonWriter& value(std::string_view);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& null() { return raw("null"); }
  /// Text that is JSON already.
  JsonWriter& raw(std::string_view json);

  template <class T>
  JsonWriter& member(std::string_view name, const T& content) {
    return key(name).value(content);
  }

  const std::string& text() const { return text_; }

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void separate();
  void new_line();

  int indent_;
  std::string text_;
  std::vector<bool> filled_;  ///< per open bracket: something is in it
  bool after_key_ = false;
};

}  // namespace orchid::train
