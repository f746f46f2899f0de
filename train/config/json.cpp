#include "train/config/json.h"

#include <set>
#include <vector>

namespace orchid::train {
namespace {

constexpr int kMaxDepth = 64;

/// Follows the parser and refuses what plain JSON libraries let pass: repeated keys, deep nesting.
class Strictness {
 public:
  explicit Strictness(ErrorKind kind) : kind_(kind) {}

  bool operator()(int depth, Json::parse_event_t event, const Json& parsed) {
    using Event = Json::parse_event_t;
    if (depth > kMaxDepth)
      throw Error(str("expected at most ", kMaxDepth, " levels of nesting"), kind_);
    if (event == Event::object_start) objects_.emplace_back();
    if (event == Event::object_end) objects_.pop_back();
    if (event == Event::key) {
      Object& object = objects_.back();
      object.current = parsed.get<std::string>();
      if (!object.seen.insert(object.current).second)
        throw Error(str(path(), ": the key appears twice in one object"), kind_);
    }
    return true;
  }

 private:
  struct Object {
    std::set<std::string> seen;
    std::string current;
  };

  std::string path() const {
    std::string text;
    for (const Object& object : objects_) text += (text.empty() ? "" : ".") + object.current;
    return text;
  }

  ErrorKind kind_;
  std::vector<Object> objects_;
};

}  // namespace

Json parse_json(std::string_view text, ErrorKind kind) {
  try {
    Strictness strictness(kind);
    return Json::parse(text.begin(), text.end(),
                       [&](int depth, Json::parse_event_t event, Json& parsed) {
                         return strictness(depth, event, parsed);
                       });
  } catch (const nlohmann::json::exception& error) {
    std::string what = error.what();  // "[json.exception.parse_error.101] parse error at line 1..."
    if (const std::size_t end = what.find("] "); end != std::string::npos) what.erase(0, end + 2);
    throw Error(str("not valid JSON: ", what), kind);
  }
}

std::string preview(const Json& value) {
  constexpr std::size_t kLongest = 60;
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  return text;
}

}  // namespace orchid::train
