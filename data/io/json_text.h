#pragma once

#include <string>
#include <string_view>

namespace orchid::data {

/// The string under "text" of the JSON object on one line, as C4 has it. input_data Errors say
/// what is wrong, but know no file.
std::string json_text(std::string_view line);

/// One line of C4's form, without line end: {"text":...,"timestamp":...,"url":...}.
std::string json_line(std::string_view text, std::string_view timestamp, std::string_view url);

}  // namespace orchid::data
