#include "train/report/curves.h"

#include <cmath>
#include <sstream>

#include "train/config/json.h"

namespace orchid::train {

Curves read_curves(const std::filesystem::path& file) {
  Curves curves;
  if (!std::filesystem::exists(file)) return curves;
  std::istringstream lines(read_text(file, ErrorKind::input_data, std::uintmax_t{1} << 32));
  std::int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    if (lines.eof()) break;
    ++number;
    const Json json = with_context(str(file.string(), ": line ", number), [&] {
      const Json value = parse_json(line, ErrorKind::input_data);
      ORCHID_CHECK_INPUT(value.is_object() && value.contains("step") &&
                             value["step"].is_number_integer() && value.contains("split") &&
                             value["split"].is_string(),
                         "expected an object with step and split");
      return value;
    });
    for (const auto& [key, value] : json.items()) {
      if (key == "step" || !(value.is_number() || value.is_null())) continue;
      Series& series = curves[json["split"].get<std::string>() + "/" + key];
      series.x.push_back(json["step"].get<double>());
      series.y.push_back(value.is_null() ? NAN : value.get<double>());
    }
  }
  return curves;
}

Series curve_of(const Curves& curves, const std::string& key, const std::string& name) {
  const auto found = curves.find(key);
  if (found == curves.end()) return {name, {}, {}};
  return {name, found->second.x, found->second.y};
}

}  // namespace orchid::train
