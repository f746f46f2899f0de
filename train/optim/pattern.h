#pragma once

#include <string_view>

namespace orchid::train {

/// Whether all of `text` fits `pattern`: * stands for any text, also none and dots; ? for one
/// character; everything else for itself.
bool matches(std::string_view pattern, std::string_view text);

}  // namespace orchid::train
