#include "data/io/json_text.h"

#include <optional>

#include <nlohmann/json.hpp>

#include "kernels/core/error.h"

namespace orchid::data {
namespace {

/// Keeps the top-level string named "text" and skips all else without building it.
class TextHandler : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::optional<std::string> text;
  std::string problem;

  bool null() override { return other("null"); }
  bool boolean(bool) override { return other("a boolean"); }
  bool number_integer(number_integer_t) override { return other("a number"); }
  bool number_unsigned(number_unsigned_t) override { return other("a number"); }
  bool number_float(number_float_t, const string_t&) override { return other("a number"); }
  bool binary(binary_t&) override { return other("binary data"); }
  bool string(string_t& value) override {
    if (depth_ == 0) return other("a string");
    if (wanted_) text = std::move(value);
    return true;
  }
  bool start_object(std::size_t) override {
    return (depth_ == 0 || other("an object")) && ++depth_;
  }
  bool start_array(std::size_t) override { return other("an array") && ++depth_; }
  bool end_object() override { return leave(); }
  bool end_array() override { return leave(); }
  bool key(string_t& name) override {
    wanted_ = depth_ == 1 && name == "text";
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception& error) override {
    // nlohmann's text begins with an identifier in brackets and the place; keep the reason.
    const std::string_view what = error.what();
    const std::size_t reason = what.find(": ");
    problem = str("invalid JSON at character ", position, ": ",
                  reason == what.npos ? what : what.substr(reason + 2));
    return false;
  }

 private:
  bool other(const char* kind) {
    if (depth_ == 0) problem = str("expected a JSON object, got ", kind);
    if (depth_ == 1 && wanted_) problem = str("\"text\": expected a string, got ", kind);
    return problem.empty();
  }
  bool leave() {
    --depth_;
    wanted_ = false;
    return true;
  }

  int depth_ = 0;
  bool wanted_ = false;  ///< the value to come belongs to the key "text"
};

}  // namespace

std::string json_text(std::string_view line) {
  TextHandler handler;
  nlohmann::json::sax_parse(line.begin(), line.end(), &handler);
  ORCHID_CHECK_INPUT(handler.problem.empty(), handler.problem);
  ORCHID_CHECK_INPUT(handler.text, "no \"text\" in the JSON object");
  return *std::move(handler.text);
}

std::string json_line(std::string_view text, std::string_view timestamp, std::string_view url) {
  const nlohmann::ordered_json object{{"text", text}, {"timestamp", timestamp}, {"url", url}};
  return object.dump();
}

}  // namespace orchid::data
